"""What there is to see of studies, read without a word to those that train.

`browsing` has them all: a `listing` by their `summaries` and `searches`, each read again when
`changes` say so; `counting` is for monitors, and `events` for those who watch. `comparing` sets
several side by side. `forecasting` says how long one takes. `tidying` is what people have labelled
and put away.
"""
