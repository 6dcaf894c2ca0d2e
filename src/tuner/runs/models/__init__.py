"""Models to take away, trained again from a study.

`retraining` does so for a case and `loop_retraining` for a loop, also with `partial` changes alone.
Models of the seeds of the test are trained `again` to be those that were `tested`, bit for bit.
`keeping` says where they go.
"""
