"""The configuration of a study of a user's own loop."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tuner.case.metric import LOOP
from tuner.revision import full_version
from tuner.study.rules import rules_of_loops
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from tuner.case.metric import Direction
    from tuner.case.source import Source
    from tuner.study.configuration import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """The configuration of a study of a loop: the same one gives the same study.

    Attributes:
        reference: the file and the function, `train.py:objective`.
        source: of the file, as it was read.
        name: of the loop, made from its file and function.
        metric: name of the score.
        baseline: values to beat, by name; a missing name gets the middle of its range.
        made_up: whether tuner made the baseline because the user named none.
        recipe: what a textbook would change by hand; None if there is none.
        guesses: values to try before the search draws, by name. Only the loop's file can give them:
            tuner does not know what the names mean.
        fixed: hyperparameters that the search does not vary.
        order: in which reports of concurrent calls are taken.
        has_test: whether the file has a function that scores on test rows.
        identity: of the study itself, once it exists.
    """

    reference: str
    source: Source
    name: str
    metric: str
    direction: Direction
    baseline: Mapping[str, Any]
    made_up: bool
    recipe: Mapping[str, Any] | None
    seed: int
    fixed: Mapping[str, Any]
    guesses: Sequence[Mapping[str, Any]] = ()
    order: Order = "work"
    has_test: bool = False
    plan: Plan = field(default_factory=Plan)
    sampler: str = ""
    pruner: str = ""
    identity: str = ""

    @property
    def basis(self) -> str:
        """Hash of what a call after the search depends on, besides its hyperparameters."""
        parts = (
            self.identity,
            self.source.digest,
            rules_of_loops(),
            self.reference,
            self.direction,
        )
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def arms(self) -> dict[str, dict[str, Any]]:
        """The configurations to compare the best with."""
        named = {"baseline": dict(self.baseline)}
        return named if self.recipe is None else {**named, "recipe": dict(self.recipe)}

    def begun_as(self, stored: Mapping[str, Any]) -> Self:
        """Return the config with the settings that were stored when the study was begun.

        Args:
            stored: the study's facts.
        """
        plan = Plan(**stored["plan"])
        return replace(
            self, plan=plan, identity=stored["identity"], pruner=stored.get("pruner", "")
        )

    def guessed(self) -> list[dict[str, Any]]:
        """Return the configurations to try before the search, as values by name.

        A value that a guess does not name is the baseline's; fixed values are fixed in guesses too.
        """
        whole = [{**self.baseline, **one} for one in self.guesses]
        return [{name: self.fixed.get(name, one[name]) for name in one} for one in whole]

    def facts(self) -> dict[str, Any]:
        """Return the study's facts: the part of this that it stores, as plain values."""
        facts = {
            "version": full_version(),
            "case": self.name,
            "reference": self.reference,
            "task": LOOP,
            "metric": self.metric,
            "direction": self.direction,
            "seed": self.seed,
            "fixed": dict(self.fixed),
            "data": self._data(),
            "trivial": {"metric": None, "loss": None},
            "space": {},  # known only from what trials have asked for; see the trials
            "baseline": dict(self.baseline),
            "made_up": self.made_up,
            "recipe": dict(self.recipe or {}),
            "points_per_epoch": 1,
            "source": asdict(self.source),
            "rules": rules_of_loops(),
            "plan": asdict(self.plan),
            "order": self.order,
            "sampler": self.sampler,
            "pruner": self.pruner,
        }
        plain: dict[str, Any] = json.loads(json.dumps(facts))
        return plain

    def _data(self) -> dict[str, Any]:
        """Return the facts about the data; there are few, because the loop loads its own data."""
        return {
            "name": self.name,
            "source": f"found by the loop itself ({self.reference})",
            "fingerprint": "unknown",
            "stands_in_for": None,
            "classes": [],
            "columns": [],
            "pixels": None,
            "sizes": {"development": 0, "training": 0, "validation": 0, "folds": 1, "test": 0},
        }
