"""The changes between the baseline and the best, and configurations with some of them."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from optuna.trial import FixedTrial

from tuner.case.contract import Hyperparameters
from tuner.case.space import OUT_OF_RANGE, drawn_by
from tuner.evidence.jobs import Configuration
from tuner.study.guess import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.case.contract import Case

Group = Literal["training", "data", "structure"]
GROUPS: tuple[Group, ...] = ("training", "data", "structure")  # the cheapest to change first
DATA = ("augmentation", "mirror", "closer")


@dataclass(frozen=True, slots=True)
class Change:
    """One hyperparameter set from the baseline's value to the best's.

    Attributes:
        follows: hyperparameters that have an effect only with this one, with their values: StepLR
            on is one change, and its step_size and gamma come with it.
    """

    name: str
    was: Any
    now: Any
    group: Group
    follows: Mapping[str, Any]


class Mixture:
    """Configurations between the baseline and the best, with some of the changes."""

    def __init__(self, case: Case, baseline: Configuration, best: Configuration) -> None:
        self.case, self.baseline, self.best = case, baseline, best
        self.drawn = _drawn(case, baseline.hyperparameters)
        was, now = baseline.hyperparameters, best.hyperparameters
        both = set(self.drawn) & set(_drawn(case, now))
        names = [name for name in self.drawn if name in both and was[name] != now[name]]
        self.changes = {name: self._change(name) for name in names}

    def configuration(self, taken: Collection[str]) -> Configuration:
        """Return the baseline with these changes, as `suggest` would return it.

        A hyperparameter that only one of the two arms draws depends on another one. It has the
        value of the arm that draws it, and takes effect once a change makes `suggest` draw it. If a
        change narrows the range of another hyperparameter, that one gets the nearest value inside.
        A training is as long as that of the arm whose `epochs` it has.
        """
        was, now = self.baseline.hyperparameters, self.best.hyperparameters
        kept = {name: was[name] for name in self.drawn if name not in taken}
        values = asdict(_suggested(self.case, {**now, **kept}))
        for arm in (self.baseline, self.best):
            if values == arm.hyperparameters:
                return arm
        lengths = [
            a.epochs
            for a in (self.baseline, self.best)
            if a.hyperparameters["epochs"] == values["epochs"]
        ]
        return _between(self.baseline, self.best, taken, values, max(lengths))

    def _change(self, name: str) -> Change:
        alone = self.configuration({name}).hyperparameters
        was = self.baseline.hyperparameters
        follows = {
            other: value for other, value in alone.items() if other != name and value != was[other]
        }
        return Change(name, was[name], self.best.hyperparameters[name], group_of(name), follows)


def group_of(name: str) -> Group:
    """Return how costly a hyperparameter is to change; the trainer reads the common ones."""
    if name in DATA:
        return "data"
    return "training" if name in {field.name for field in fields(Hyperparameters)} else "structure"


def _suggested(case: Case, values: Mapping[str, Any]) -> Hyperparameters:
    """Make `suggest` draw values, or the nearest ones if others narrow a range."""
    known = dict(values)
    for _ in range(len(known)):
        trial = FixedTrial(known)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=OUT_OF_RANGE)
            made: Hyperparameters = case.suggest(trial)
        outside = {
            name: nearest(one, drawn, known[name])
            for name, one in trial.distributions.items()
            if (drawn := drawn_by(one)).choices is None and not drawn.contains(known[name])
        }
        if not outside:
            break
        known |= outside  # another choice may change these ranges
    return made


def _drawn(case: Case, values: Mapping[str, Any]) -> list[str]:
    """Return the names that `suggest` draws when it arrives at these values."""
    trial = FixedTrial(dict(values))
    case.suggest(trial)
    return list(trial.distributions)


class LoopMixture:
    """Configurations of a loop between the baseline and the best.

    A name that only the best has asked for gets the best's value whenever the loop asks for it.

    Args:
        trials: of the study; they show which hyperparameters depend on which.
    """

    def __init__(
        self, baseline: Configuration, best: Configuration, trials: Iterable[FrozenTrial]
    ) -> None:
        self.baseline, self.best = baseline, best
        was, now = baseline.hyperparameters, best.hyperparameters
        names = [name for name in was if name in now and was[name] != now[name]]
        asked = [trial.params for trial in trials if trial.params]
        alone = {name: value for name, value in now.items() if name not in was}
        self.changes = {
            name: Change(
                name,
                was[name],
                now[name],
                group_of(name),
                {
                    one: value
                    for one, value in alone.items()
                    if _hangs_on(one, name, was[name], now[name], asked)
                },
            )
            for name in names
        }

    def configuration(self, taken: Collection[str]) -> Configuration:
        """Return the baseline with these changes: the values that the loop will get."""
        was, now = self.baseline.hyperparameters, self.best.hyperparameters
        if set(taken) == set(self.changes):
            return self.best
        if not taken:
            return self.baseline
        kept = {name: was[name] for name in was if name not in taken}
        values = {**now, **kept}
        return _between(self.baseline, self.best, taken, values, self.best.epochs)


def _between(
    baseline: Configuration,
    best: Configuration,
    taken: Collection[str],
    values: Mapping[str, Any],
    epochs: int,
) -> Configuration:
    """Return the configuration with these changes; its work is taken as the larger of the ends'."""
    work = max(baseline.work, best.work)
    return Configuration(values, epochs, f"with {', '.join(sorted(taken))}", work)


def _hangs_on(
    name: str, change: str, was: Any, now: Any, asked: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether all trials with the change have asked for a name, and none without it has."""
    with_it = [name in one for one in asked if one.get(change) == now]
    without = [name in one for one in asked if one.get(change) == was]
    return bool(with_it) and all(with_it) and not any(without)
