"""The rules by which tuner trains, as hashes of its own code."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tuner.case.source import hash_of_code

PACKAGE = Path(__file__).parents[1]
# The files that determine the numbers of a training. Docstrings and comments do not count.
RULES = (
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


@lru_cache(maxsize=1)
def rules_of_fit() -> dict[str, str]:
    """Return a hash of each file of tuner that affects the result of a training, by path."""
    files = (path for pattern in RULES for path in sorted(PACKAGE.glob(pattern)))
    return {path.relative_to(PACKAGE).as_posix(): hash_of_code(path) for path in files}
