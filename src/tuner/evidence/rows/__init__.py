"""What the models' predictions for single test rows show.

`predictions` stores them, and `moments` stores the moments of metrics without a loss for each row.
`rowwise` compares two arms; `ensembles` scores several models as one. `mistakes` and
`label_mistakes` find errors, and rows where there is `doubt` about the label.
"""
