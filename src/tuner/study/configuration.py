"""The configuration of a study, as the command that makes or continues it knows it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from optuna.distributions import distribution_to_json

from tuner.case.space import check_arms, space
from tuner.case.trivial import trivial
from tuner.revision import full_version
from tuner.study.data_identity import facts_of_data
from tuner.study.design import Design
from tuner.study.guesses import guesses_of
from tuner.study.identity import facts_of_case
from tuner.study.limits import Limits
from tuner.study.rules import rules_of_fit
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from tuner.case.contract import Case
    from tuner.case.metric import Direction
    from tuner.case.source import Source
    from tuner.data.dataset import Dataset

Order = Literal["work", "arrival"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """The configuration of a study: the same one gives the same study.

    Attributes:
        reference: the name or path by which the user gave the case.
        source: of the case, as it was loaded.
        data_folder: the cached data set, for the workers.
        fixed: hyperparameters that the search does not vary.
        plan: how fits use the machine; for a stored study, the plan that it began with.
        order: in which points of concurrent trials are taken: by the "work" they have done, or on
            "arrival", which makes a study with several workers depend on their speed.
        sampler: description of what draws the trials; `pruner` likewise of what ends them early.
        design: how many folds the search trains, and the race after it.
        metric: name of the metric that was asked for instead of the case's own, and that `case` now
            has; None if none was.
        limits: of the models and trainings.
        shuffled: whether the targets of its development rows are shuffled, for a placebo.
        identity: of the study itself; empty if it does not exist yet or an older tuner made it.
    """

    case: Case
    reference: str
    source: Source
    dataset: Dataset
    data_folder: Path
    seed: int
    fixed: Mapping[str, Any]
    plan: Plan = field(default_factory=Plan)
    order: Order = "work"
    sampler: str = ""
    pruner: str = ""
    design: Design = field(default_factory=Design)
    metric: str | None = None
    limits: Limits = field(default_factory=Limits)
    shuffled: bool = False
    identity: str = ""

    @property
    def direction(self) -> Direction:
        """The direction in which the score is better."""
        return self.case.direction

    @property
    def arms(self) -> dict[str, dict[str, Any]]:
        """The configurations to compare the best with."""
        return {"baseline": asdict(self.case.baseline), "recipe": asdict(self.case.recipe)}

    def begun_as(self, stored: Mapping[str, Any]) -> Self:
        """Return the config with the settings that were stored when the study was begun.

        Args:
            stored: the study's facts.
        """
        return replace(
            self,
            plan=Plan(**stored["plan"]),
            identity=stored["identity"],
            sampler=stored.get("sampler", ""),
            pruner=stored.get("pruner", ""),
            design=Design.of(stored),
        )

    def guessed(self) -> list[dict[str, Any]]:
        """Return the configurations to try before the search, as values by name.

        Raises:
            CaseError: the case's `suggest` fails.
        """
        return guesses_of(self.case, self.dataset, self.seed, self.fixed)

    def facts(self) -> dict[str, Any]:
        """Return the study's facts: the part of this that it stores, as plain values.

        Raises:
            CaseError: baseline or recipe is outside the case's search space.
        """
        check_arms(self.case)
        case = self.case
        metric, loss = trivial(case.task, self.dataset.development.targets, case.metric)
        facts = {
            "version": full_version(),
            "case": case.name,
            "reference": self.reference,
            "task": case.task,
            "metric": case.metric.name,
            "asked_metric": self.metric,
            "direction": case.direction,
            "seed": self.seed,
            "fixed": dict(self.fixed),
            "data": facts_of_data(self.dataset, self.seed),
            "trivial": {"metric": metric, "loss": loss},
            "space": {
                parameter: json.loads(distribution_to_json(distribution))
                for parameter, distribution in space(case).items()
            },
            **facts_of_case(case, self.source),
            "rules": rules_of_fit(),
            "plan": asdict(self.plan),
            "order": self.order,
            "limits": self.limits.facts(),
            "sampler": self.sampler,
            "pruner": self.pruner,
            **self.design.facts(),
            **({"shuffled": True} if self.shuffled else {}),
        }
        plain: dict[str, Any] = json.loads(json.dumps(facts))
        return plain

    @property
    def basis(self) -> str:
        """Hash of what a training after the search depends on, besides its configuration.

        It includes the identity of the study: a new study with the name of a deleted one has
        another.
        """
        parts = (
            self.identity,
            self.source.digest,
            rules_of_fit(),
            self.dataset.identity,
            asdict(self.plan),
            self.case.points_per_epoch,
            *([self.metric] if self.metric else []),
        )
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
