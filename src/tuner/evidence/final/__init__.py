"""New models meet the test split, which opens by one recorded call.

`finalists` says which models may meet it. `proof` has the arms do so, in the looks that were
planned: `trainings` trains them, `models` says by which jobs and in which files, and `opening`
opens the test and scores them. `odometer` counts how often its rows were used. `verdicts` compares
the arms pair by pair.
"""
