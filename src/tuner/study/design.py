"""The rules by which a study searches and chooses, stored with it so that they never change.

`tuner.study.designing` chooses the rules of a new study.
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
    """How the best of a search compete on fresh folds.

    Attributes:
        entered: number of candidates in each round, the best ones so far; the first number is how
            many there are.
        arms: rounds that baseline and recipe take part in.
        with_search: whether candidates are ranked by the folds of the search and fresh ones
            together, instead of fresh ones only.
        by_surrogate: whether they are ranked by the surrogate of the metric, if it has one.
        with_guess: whether the first guess is a candidate even if others did better in the search.
    """

    entered: tuple[int, ...]
    arms: int
    with_search: bool = False
    by_surrogate: bool = False
    with_guess: bool = False

    @classmethod
    def before(cls, candidates: int, rounds: int) -> Self:
        """Return the race of studies that store none: the worst are dropped at even distances.

        >>> RaceRules.before(3, 6).entered
        (3, 3, 2, 2, 1, 1)
        """
        entered = (max(1, candidates - done * candidates // rounds) for done in range(rounds))
        return cls(entered=tuple(entered), arms=rounds)

    def cut(self, rounds: int) -> Self:
        """Return the race with only its first rounds, for fewer seeds than rounds."""
        return replace(self, entered=self.entered[:rounds], arms=min(self.arms, rounds))


CANDIDATES_BEFORE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How many folds a search trains, and the race after it.

    Attributes:
        folds_in_search: number of folds for each configuration, the first ones of the split;
            baseline and recipe train all. None means all, as in older studies.
        race: None means the race of older studies.
    """

    folds_in_search: int | None = None
    race: RaceRules | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the design of a stored study; a study that stores none keeps the older rules.

        Raises:
            TypeError, ValueError, KeyError: the stored value is not a design.
        """
        stored = facts.get("race")
        race = stored and RaceRules(**{**stored, "entered": tuple(stored["entered"])})
        return cls(folds_in_search=facts.get("folds_in_search"), race=race or None)

    def facts(self) -> dict[str, Any]:
        """Return the design as a study stores it; empty if it has only the older rules."""
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


# The rules that a study keeps when it continues with an accepted change.
KEPT = ("folds_in_search", "race")


def rows_validated(facts: Mapping[str, Any], folds: int) -> int:
    """Return how many rows these folds validate together; no row is in two of them.

    The first fold, whose rows a study stores, may have one more than others.
    """
    sizes = facts["data"]["sizes"]
    return min(int(sizes["validation"]) * folds, int(sizes["development"]))


def folds_trained(facts: Mapping[str, Any], *, arm: bool) -> int:
    """Return the number of folds that a trial of this study trains; baseline and recipe: all."""
    k: int = facts["data"]["sizes"].get("folds", 1)
    searched = facts.get("folds_in_search")
    return k if arm or searched is None else min(k, int(searched))
