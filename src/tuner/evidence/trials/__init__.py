"""What the trials of a search show: of the model, of its hyperparameters, and of the search.

The `signs` of the baseline's learning curve make its `diagnosis`. `importance` says which
hyperparameters mattered, by `fanova`. `health` has checks of the search, and `stopping` a rule for
its end. An `audit` trains pruned trials to their end, read as `sampled`. Whether a trial gives the
same again is `repetition`, or `call_repetition` of a loop.
"""
