"""What people ask of the service, checked: before anything is written, and in their words.

`requests` are those of a study and of a model. `continuing` is that of one which is there.
`chores` delete and clean. `refusals` say no, and why.
"""
