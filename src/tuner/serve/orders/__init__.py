"""Checks users' requests before anything is written; error messages use the requests' own names.

`requests` checks those for a study or a model, `continuing` those for an existing study, and
`chores` deletions and clean-ups. `refusals` are common reasons to refuse.
"""
