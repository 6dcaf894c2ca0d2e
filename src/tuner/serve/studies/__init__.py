"""The state of studies for users, read without any contact with the processes that train.

`browsing` has all studies: a `listing` from their `summaries` and `searches`, which are read again
when `changes` reports one; `counting` is for monitors, and `events` for live pages. `comparing`
compares several. `forecasting` predicts how long one takes. `tidying` has tags and the archive.
"""
