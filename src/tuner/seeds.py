"""Derives every random stream of a study from its seed and a name, never from the clock."""

from __future__ import annotations

import hashlib
from enum import StrEnum, unique

LARGEST = 2**32 - 1  # that scikit-learn and NumPy accept


@unique
class Stream(StrEnum):
    """The names of all streams, so that no two parts of tuner draw the same numbers.

    A study's results depend on these values: never change one.
    """

    TRIAL = "trial"  # by trial: the seed of its training
    SAMPLER = "sampler"  # by trial: what the sampler draws for it
    GUESS = "guess"  # by draw and attempt: a prior's values to try first
    RACE = "confirmation"  # by round: the seed of its trainings on fresh folds
    RACE_FOLDS = "confirmation folds"  # by split
    TEST = "test"  # by model: the seed of a model for the test
    IMPORTANCE = "importance"
    EXPECTATION = "expectation"  # the trees that predict what is worth measuring first
    AUDIT = "audit"  # by trial: which pruned trials are trained to their end
    SHUFFLED = "shuffled targets"  # of a placebo
    ROWS_REDRAWN = "rows redrawn"
    SEEDS_REDRAWN = "seeds redrawn"
    ROWS_LOOKED_AT = "rows that columns are looked through on"
    TABLE_TEST = "test rows of a table"
    PICTURES_TEST = "test pictures"
    CUTS_IN_TIME = "cuts in time"
    PYTHON = "python"  # of a training: the generator of Python's `random`
    NUMPY = "numpy"  # of a training: NumPy's global generator
    NOISE = "noise"  # of a training on a GPU: what its layers draw
    AFTER_BUILD = "after build"  # of a training whose `build` has seeded torch


def derive(seed: int, *path: str | int) -> int:
    """Return a 32-bit seed for the stream named `path` of the study with this `seed`."""
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
