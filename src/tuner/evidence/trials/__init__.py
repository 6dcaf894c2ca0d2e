"""What the trials of a search show about the model, its hyperparameters, and the search.

The `signs` of the baseline's learning curve lead to its `diagnosis`. `importance` measures which
hyperparameters mattered, by `fanova`. `health` checks the search, and `stopping` decides its end.
An `audit` trains pruned trials to their end; `sampled` infers from them. `repetition` and, for a
loop, `call_repetition` check whether a trial gives the same result again.
"""
