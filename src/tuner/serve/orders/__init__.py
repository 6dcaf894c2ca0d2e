"""Checks requests of people before anything is written; errors are in their words.

`requests` checks those for a study or a model, `continuing` those for an existing study, and
`chores` deletions and clean-ups. `refusals` are common reasons to refuse.
"""
