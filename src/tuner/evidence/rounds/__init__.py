"""Trains configurations on fresh seeds and folds, all in the same rounds.

`trainings` of a case and `calls` of a loop are `scored` in rounds and stored. `racing` runs the
`race` of a study's candidates, which drops losers early. Two configurations on the same rounds are
compared by `paired`. `opposed` tells whether a loop's test scores run against its validation
scores.
"""
