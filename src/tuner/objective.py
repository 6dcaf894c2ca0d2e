"""Between an Optuna trial and the trainer: the only place that reports, prunes and scores."""

from __future__ import annotations

import ast
import math
import time
import warnings
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import takewhile
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.study import create_study
from optuna.trial import FixedTrial

from tuner.errors import CaseError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna import Trial
    from optuna.distributions import BaseDistribution

    from tuner.case import Case
    from tuner.training import ReportPoint

STAGES = 20
WINDOW = 0.1  # share of a training that a score is the mean of
DRAWS_TO_SEE_A_SPACE = 300


def stage(epoch: float, epochs: int) -> int:
    """Return how many twentieths of a training of `epochs` are done after `epoch` of them.

    Trials report and are pruned by stage: a training of 100 epochs under a schedule that falls at
    its end is compared half-way with one of 10 epochs half-way, not after the same 5 epochs, where
    its learning rate is still rising. A long trial costs the database no more than a short one.
    """
    return math.floor(STAGES * epoch / epochs + 1e-9)  # a third of an epoch is not exact


@dataclass(frozen=True, slots=True)
class Score:
    """What a trial is worth after `epoch` epochs: the metric on each fold, and its mean."""

    epoch: int
    folds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over folds."""
        return fmean(self.folds)


def fold_scores(points: Sequence[ReportPoint], epochs: int) -> tuple[float, ...]:
    """Return what a training of `epochs` is worth at the last of these points, on each fold.

    That is the mean validation over the last tenth of the training. The best of many single points
    would be the luckiest one, and favour trainings that jump about.
    """
    if not points:
        return ()
    since = points[-1].epoch - epochs * WINDOW + 1e-9
    last_tenth = takewhile(lambda point: point.epoch > since, reversed(points))
    return tuple(map(fmean, zip(*(point.fold_scores for point in last_tenth), strict=True)))


@dataclass(slots=True)
class RunningTrial:
    """A trial being trained: what has come back so far.

    Attributes:
        trial: the trial as Optuna's `study.ask` gave it.
        case: decides which score is better.
        epochs: that its training may take.
        prunable: off for baseline and recipe, which a report has to have.
        clock: virtual time: when it began, and then the work done up to its last point.
        begun: the virtual time at which it began.
        started: the time.perf_counter() at which it began.
    """

    trial: Trial
    case: Case
    epochs: int
    prunable: bool
    clock: float
    begun: float = field(init=False)
    started: float = field(init=False, default_factory=time.perf_counter)
    points: list[ReportPoint] = field(init=False, default_factory=list)
    stage: int = field(init=False, default=0)
    reported: int = field(init=False, default=0)  # stages
    replayed: set[int] = field(init=False)

    def __post_init__(self) -> None:
        """Remember what an interrupted run of this trial had reported already."""
        self.begun = self.clock
        stored = self.trial.study.get_trials(deepcopy=False)[self.trial.number]
        self.replayed = set(stored.intermediate_values)

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.trial.number

    @property
    def score(self) -> float | None:
        """The present score; None where nothing is validated, or not yet."""
        folds = fold_scores(self.points, self.epochs)
        return fmean(folds) if folds else None

    def report(self, point: ReportPoint) -> bool:
        """Take a point; return whether the pruner has to be asked about it."""
        self.points.append(point)
        self.clock = self.begun + point.work
        reached = stage(point.epoch, self.epochs)
        if self.score is None or reached == self.stage:
            return False
        self.stage = reached
        self.reported += 1
        if not self.replaying:
            self.trial.report(self.score, reached)
        return True

    @property
    def replaying(self) -> bool:
        """Whether an interrupted run had reported the present stage already."""
        return self.stage in self.replayed

    def should_prune(self) -> bool:
        """Ask the pruner about the point reported last."""
        return self.prunable and self.trial.should_prune()

    def best(self) -> Score:
        """Return the best score at the end of an epoch; of equal ones, the latest.

        Raises:
            CaseError: there is none, because nothing was validated.
        """
        best: Score | None = None
        for count, point in enumerate(self.points, start=1):
            if point.ends_epoch and (folds := fold_scores(self.points[:count], self.epochs)):
                score = Score(int(point.epoch), folds)
                if best is None or not self.case.better(best.mean, score.mean):
                    best = score
        if best is None:
            raise CaseError(f"case {self.case.name!r}: a fit ended without a validation score")
        return best

    def curve(self) -> list[tuple[int, float, float, float, float | None]]:
        """Return all points as (step, epoch, training loss, training metric, validation metric)."""
        return [(p.step, p.epoch, p.train_loss, p.train_metric, p.validation) for p in self.points]


@lru_cache
def space(case: Case) -> Mapping[str, BaseDistribution]:
    """Return the distributions that `case.suggest` draws from, conditional ones included.

    Found by drawing, as Optuna's spaces are programs; a branch taken less than once in a hundred
    draws can be missed.
    """
    study = create_study(sampler=RandomSampler(seed=0))
    found: dict[str, BaseDistribution] = {}
    for _ in range(DRAWS_TO_SEE_A_SPACE):
        trial = study.ask()
        case.suggest(trial)
        found |= trial.distributions
    return MappingProxyType(dict(sorted(found.items())))


def check_arms(case: Case) -> None:
    """Check that baseline and recipe are inside the search space.

    Raises:
        CaseError: `suggest` does not give them back.
    """
    for arm in ("baseline", "recipe"):
        expected = getattr(case, arm)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # how Optuna says that a value is out of range
                got = case.suggest(FixedTrial(asdict(expected)))
        except (ValueError, UserWarning) as error:
            raise CaseError(
                f"case {case.name!r}: its {arm} is outside its search space: {error}"
            ) from error
        if got != expected:
            raise CaseError(
                f"case {case.name!r}: suggest gives {got} for its {arm}, which is {expected}; "
                "every field that suggest draws has to be returned as drawn"
            )


def parse_fixed(case: Case, assignments: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs as values of the search space.

    Raises:
        UsageError: no such hyperparameter, or a value that it cannot take.
    """
    distributions = space(case) if assignments else {}
    fixed: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--fix {assignment} has no value; write --fix NAME=VALUE")
        if name not in distributions:
            raise unknown_name("hyperparameter", "hyperparameters", name, distributions)
        fixed[name] = _parse(name, text, distributions[name])
    return fixed


def _parse(name: str, text: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        for choice in distribution.choices:
            if text in (str(choice), str(choice).lower()) or _literal(text) == choice:
                return choice
        choices = ", ".join(map(str, distribution.choices))
        raise UsageError(f"--fix {name}={text} is none of its choices: {choices}")
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    value = _literal(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"--fix {name}={text} is no number; it takes {low} to {high}")
    if isinstance(distribution, IntDistribution) and not isinstance(value, int):
        raise UsageError(f"--fix {name}={text} is no whole number; it takes {low} to {high}")
    if not (low <= value <= high and distribution._contains(float(value))):
        step = getattr(distribution, "step", None)
        steps = f" in steps of {step}" if step not in (None, 1) else ""
        raise UsageError(f"--fix {name}={text} is out of range; it takes {low} to {high}{steps}")
    return value if isinstance(distribution, IntDistribution) else float(value)


def _literal(text: str) -> object:
    """Read a Python literal; what is none is a plain word."""
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value
