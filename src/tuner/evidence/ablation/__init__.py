"""Measures which change brought the gain, with baselines that have some of the best's changes.

The `path` from the baseline to the best takes over the `changes` one by one, in the order of an
`expectation` of their value. `parts` are the results of some of the changes on the test rows, and
`confirming_parts` trains and scores such models.
"""
