"""Trains models of a study again, to be kept.

`retraining` does so for a case and `loop_retraining` for a loop, also with only some changes
(`partial`). With the seeds of the test, `again` makes the models that were `tested`, bit for bit.
`keeping` decides where they go.
"""
