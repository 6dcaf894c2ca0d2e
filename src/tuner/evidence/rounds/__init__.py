"""Configurations trained on fresh seeds and folds, all in the same rounds.

Both `trainings` of a case and `calls` of a loop are `scored` in rounds and kept. `racing` has a
study's candidates run a `race`, which drops losers early. Two configurations on the same rounds are
`paired`.
"""
