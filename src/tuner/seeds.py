"""Every random stream of a study comes from its seed, by name, and never from the clock."""

from __future__ import annotations

import hashlib
from enum import StrEnum, unique

LARGEST = 2**32 - 1  # that scikit-learn and NumPy take


@unique
class Stream(StrEnum):
    """The names of all streams, so that no two parts of tuner draw the same numbers.

    The values are part of what makes a study repeatable: another value is another study.
    """

    TRIAL = "trial"  # a number each: the seed of its training
    SAMPLER = "sampler"  # a trial's number each: what the sampler draws for it
    GUESS = "guess"  # a draw of a prior and an attempt at it each: values to try first
    RACE = "confirmation"  # a round each: the seed of its trainings on fresh folds
    RACE_FOLDS = "confirmation folds"  # a split each
    TEST = "test"  # a seed each of the models that meet the test
    IMPORTANCE = "importance"
    EXPECTATION = "expectation"  # the trees that say what is worth measuring first
    AUDIT = "audit"  # a trial's number each: which pruned trials are trained to their end
    SHUFFLED = "shuffled targets"  # of a placebo
    ROWS_REDRAWN = "rows redrawn"
    SEEDS_REDRAWN = "seeds redrawn"
    ROWS_LOOKED_AT = "rows that columns are looked through on"
    TABLE_TEST = "test rows of a table"
    PICTURES_TEST = "test pictures"
    CUTS_IN_TIME = "cuts in time"
    PYTHON = "python"  # of a training: the generator of Python's `random`
    NUMPY = "numpy"  # of a training: NumPy's global generator
    NOISE = "noise"  # of a training on a card: what its layers draw
    AFTER_BUILD = "after build"  # of a training whose `build` has seeded torch


def derive(seed: int, *path: str | int) -> int:
    """Return a 32-bit seed for the stream named `path` of the study with this `seed`."""
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
