"""What the best changed about the baseline, and configurations that take some of it over."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from optuna.trial import FixedTrial

from tuner.case.contract import Hyperparameters
from tuner.evidence.jobs import Configuration

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tuner.case.contract import Case

Group = Literal["training", "data", "structure"]
GROUPS: tuple[Group, ...] = ("training", "data", "structure")  # the cheapest to change first
DATA = ("augmentation", "mirror")


@dataclass(frozen=True, slots=True)
class Change:
    """One hyperparameter set from the baseline's value to the best's.

    Attributes:
        follows: hyperparameters that only this one makes count, with their values: StepLR on is one
            change, and its step_size and gamma come with it.
    """

    name: str
    was: Any
    now: Any
    group: Group
    follows: Mapping[str, Any]


class Mixture:
    """Configurations between the baseline and the best: some changes taken, the others not."""

    def __init__(self, case: Case, baseline: Configuration, best: Configuration) -> None:
        self.case, self.baseline, self.best = case, baseline, best
        self.drawn = _drawn(case, baseline.hyperparameters)
        was, now = baseline.hyperparameters, best.hyperparameters
        both = set(self.drawn) & set(_drawn(case, now))
        names = [name for name in self.drawn if name in both and was[name] != now[name]]
        self.changes = {name: self._change(name) for name in names}

    def configuration(self, taken: Collection[str]) -> Configuration:
        """Return the baseline with these changes, as `suggest` would give it.

        What only one of the two draws hangs on another hyperparameter: it has that one's value, and
        counts as soon as a change lets it. A training is as long as that of the arm whose `epochs`
        it has.
        """
        was, now = self.baseline.hyperparameters, self.best.hyperparameters
        kept = {name: was[name] for name in self.drawn if name not in taken}
        values = asdict(self.case.suggest(FixedTrial({**now, **kept})))
        for arm in (self.baseline, self.best):
            if values == arm.hyperparameters:
                return arm
        lengths = [
            a.epochs
            for a in (self.baseline, self.best)
            if a.hyperparameters["epochs"] == values["epochs"]
        ]
        return Configuration(values, max(lengths), f"with {', '.join(sorted(taken))}")

    def _change(self, name: str) -> Change:
        alone = self.configuration({name}).hyperparameters
        was = self.baseline.hyperparameters
        follows = {
            other: value for other, value in alone.items() if other != name and value != was[other]
        }
        return Change(name, was[name], self.best.hyperparameters[name], group_of(name), follows)


def group_of(name: str) -> Group:
    """Return how dear a hyperparameter is to change: what every case has is read by the trainer."""
    if name in DATA:
        return "data"
    return "training" if name in {field.name for field in fields(Hyperparameters)} else "structure"


def _drawn(case: Case, values: Mapping[str, Any]) -> list[str]:
    """Return the names that `suggest` draws when it comes to these values."""
    trial = FixedTrial(dict(values))
    case.suggest(trial)
    return list(trial.distributions)
