"""Scores new models on the test split, which opens by one recorded call.

`finalists` explains which models may be tested. `proof` tests the arms, in the planned looks:
`trainings` trains the models, `models` defines their jobs and files, and `opening` opens the test
and scores them. `odometer` counts how often its rows were used. `verdicts` compares the arms pair
by pair. The final calls of a loop are in `loops`.
"""
