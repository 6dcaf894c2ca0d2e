"""The rules by which a study searches and chooses: kept with it, so that it ends as it was begun.

`tuner.study.designing` chooses those of a study that begins now.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Mapping

SQUARE: str = said(
    "TaperingPruner: after a share s of a training, the best (1 - s)^2 of all trials go on"
)
CUBE: str = said(
    "TaperingPruner: after a share s of a training, the best (1 - s)^3 go on, a tenth at least"
)
PRUNERS = (CUBE, SQUARE)  # the newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceRules:
    """How the best of a search are raced on fresh folds.

    Attributes:
        entered: candidates in each round, the best so far; the first number is how many there are.
        arms: rounds that baseline and recipe are in.
        with_search: candidates are ranked by their folds of the search and fresh ones together,
            else by fresh ones alone.
        by_surrogate: they are ranked by the surrogate of the metric, if it has one.
        with_guess: the first guess is a candidate even where others did better in the search.
    """

    entered: tuple[int, ...]
    arms: int
    with_search: bool = False
    by_surrogate: bool = False
    with_guess: bool = False

    @classmethod
    def before(cls, candidates: int, rounds: int) -> Self:
        """Return the race of studies that have none on record: the worst dropped at even distances.

        >>> RaceRules.before(3, 6).entered
        (3, 3, 2, 2, 1, 1)
        """
        entered = (max(1, candidates - done * candidates // rounds) for done in range(rounds))
        return cls(entered=tuple(entered), arms=rounds)

    def cut(self, rounds: int) -> Self:
        """Return the first rounds of it: fewer seeds than rounds are a shorter race."""
        return replace(self, entered=self.entered[:rounds], arms=min(self.arms, rounds))


CANDIDATES_BEFORE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How many folds a search trains, and how the race after it goes.

    Attributes:
        folds_in_search: of each configuration but baseline and recipe, which have all; the first
            ones of the split. None: all, as it was before.
        race: None: as it was before.
    """

    folds_in_search: int | None = None
    race: RaceRules | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the design of a stored study; one that has none on record keeps the rules before.

        Raises:
            TypeError, ValueError, KeyError: what is stored is no design.
        """
        stored = facts.get("race")
        race = stored and RaceRules(**{**stored, "entered": tuple(stored["entered"])})
        return cls(folds_in_search=facts.get("folds_in_search"), race=race or None)

    def facts(self) -> dict[str, Any]:
        """Return what a study keeps of it; nothing where all is as it was before."""
        known = {
            "folds_in_search": self.folds_in_search,
            "race": self.race and asdict(self.race),
        }
        return {name: value for name, value in known.items() if value is not None}

    @property
    def candidates(self) -> int:
        """How many configurations the race begins with."""
        return self.race.entered[0] if self.race else CANDIDATES_BEFORE

    def race_of(self, candidates: int, rounds: int) -> RaceRules:
        """Return the race of this many candidates, in at most this many rounds."""
        return self.race.cut(rounds) if self.race else RaceRules.before(candidates, rounds)


# What a study keeps of its rules when it is continued with a change that was accepted.
KEPT = ("folds_in_search", "race")


def rows_validated(facts: Mapping[str, Any], folds: int) -> int:
    """Return how many rows this many folds hold out together: no row is held out twice.

    The first fold, whose rows a study keeps, may have one more than others.
    """
    sizes = facts["data"]["sizes"]
    return min(int(sizes["validation"]) * folds, int(sizes["development"]))


def folds_trained(facts: Mapping[str, Any], *, arm: bool) -> int:
    """Return on how many folds a trial of this study was trained: baseline and recipe on all."""
    k: int = facts["data"]["sizes"].get("folds", 1)
    searched = facts.get("folds_in_search")
    return k if arm or searched is None else min(k, int(searched))
