"""The rules by which tuner trains, as hashes of its own code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.source import hash_of_code

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGE = Path(__file__).parents[1]
# The files that determine the numbers of a training. Docstrings and comments do not count.
OF_FITS = (
    "training/*.py",
    "models/*.py",
    "data/augment.py",
    "data/preparation.py",
    "data/scaling.py",
    "data/splits.py",
    "data/tensors.py",
    "case/formulas.py",
    "case/metric.py",
    "case/scorers.py",
    "search/scoring.py",
    "seeds.py",
)
# What a call of a loop comes to, besides the loop.
OF_LOOPS = ("own/loops/*.py", "engines/loop*.py", "search/loop*.py", "seeds.py")


@cache
def rules_of_fit() -> dict[str, str]:
    """Return a hash of each file of tuner that decides what a training gives, by its path."""
    return _hashes(OF_FITS)


@cache
def rules_of_loops() -> dict[str, str]:
    """Return a hash of each file of tuner that decides what a call of a loop gives, by its path."""
    return _hashes(OF_LOOPS)


def _hashes(patterns: Iterable[str]) -> dict[str, str]:
    files = (path for pattern in patterns for path in sorted(PACKAGE.glob(pattern)))
    return {path.relative_to(PACKAGE).as_posix(): hash_of_code(path) for path in files}
