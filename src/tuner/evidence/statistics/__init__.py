"""Computes the gain of one arm over another and how certain it is; knows nothing of studies.

A `gain` on the test rows comes from the `crossed` effects of rows and seeds: their `components` of
variance, with `exact` and `joint` intervals. A metric without a loss for each row has `scores` on
rows drawn again by `resampling`. Rows that belong together are `grouped`; neighbours `in_time` may
be alike. If there are only scores, a `comparison` decides what may be claimed. The `looks` at a
test set share its 5 %. `certainty` tells how small a gain could be shown, by the `power` of
simulated tests.
"""
