"""What models said of single test rows, and what that tells.

`predictions` are kept, and `moments` of metrics that have no loss for each row. Two arms are
compared `rowwise`; `ensembles` scores several models as one. `mistakes` and `label_mistakes` say
what the models get wrong, and where there is `doubt` that a label is right.
"""
