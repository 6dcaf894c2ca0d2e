"""Numbers of two arms go in, a gain and how sure it is come out; nothing is known of a study.

A `gain` on the test rows is that of the `crossed` effects of rows and seeds: their `components` of
variance, with `exact` and `joint` intervals. A metric without a loss for each row has `scores` on
rows drawn again by `resampling`. Rows that belong together are `grouped`. Where there are scores
alone, a `comparison` says what may be claimed. The `looks` at a test set share its 5 %. `certainty`
says how small a gain could be shown.
"""
