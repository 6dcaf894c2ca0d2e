"""Bayesian optimisation with a Gaussian process that learns from pruned trials too."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from optuna.samplers import BaseSampler
from optuna.trial import TrialState
from threadpoolctl import ThreadpoolController

from tuner.search.conditions import Conditions
from tuner.search.encoding import Encoding
from tuner.search.improvement import Proposals, log_improvement
from tuner.search.learning import MOST_COUNTED, MOST_LEARNT, Computing, Excess, learn_from, some_of
from tuner.search.tpe import STARTUP, Columns, RememberingTPESampler
from tuner.search.worth import worths
from tuner.study.durations import whole_work
from tuner.study.limits import was_passed_over
from tuner.study.schema import ARM, DIVERGED
from tuner.study.trials import SCORED, sign_of_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    Numbers: TypeAlias = NDArray[np.float64]

QUEUED = "fixed_params"  # Optuna's system attribute of a trial that was enqueued with values
FEWEST_COMPLETE = 3
MOST_RUNNING = 64  # running trials that are taken into account, the latest ones


class BayesianSampler(BaseSampler):
    """Draws all hyperparameters of a trial together, where the expected improvement is largest.

    The first trials, and hyperparameters that no trial has had yet, are drawn as
    `RememberingTPESampler` draws them.

    For a trial that is still running, it takes the predicted score as if it were known, so that
    other trials explore elsewhere ("kriging believer", Ginsbourger, Le Riche and Carraro 2010). If
    trials have constraints, it multiplies the improvement by the probability that they are met
    (Gardner et al. 2014, "Bayesian Optimization with Inequality Constraints"). It may divide the
    improvement by the computation that a training is expected to need (Snoek, Larochelle and Adams
    2012, "Practical Bayesian Optimization of Machine Learning Algorithms", section 3.2).

    Args:
        columns: the hyperparameters of the study's trials; shared by the samplers of all its
            trials.
        startup: number of ended trials before it learns from them.
        fixed: hyperparameters that the search does not vary.
        thrift: exponent of the expected computation, by which the improvement is divided; 0 ignores
            the computation.
    """

    def __init__(
        self,
        seed: int,
        columns: Columns,
        startup: int = STARTUP,
        fixed: Mapping[str, Any] | None = None,
        thrift: float = 0.0,
    ) -> None:
        self._one_by_one = RememberingTPESampler(seed, columns, startup)
        self._columns, self._startup, self._fixed = columns, startup, dict(fixed or {})
        self._rng, self._thrift = np.random.default_rng(seed), thrift
        self._has_read: int | None = None  # number of its trial

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the ranges of all hyperparameters seen so far; empty while trials are too few."""
        trials = study.get_trials(deepcopy=False)
        self._columns.add(
            [
                other
                for other in trials
                if other.state != TrialState.WAITING and other.number != trial.number
            ]
        )
        ended = sum(other.state in SCORED for other in trials)
        complete = sum(other.state == TrialState.COMPLETE for other in trials)
        if ended < self._startup or complete < FEWEST_COMPLETE:
            return {}
        space = self._known()
        return space if space.keys() - self._given(trial).keys() else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw a configuration, without the hyperparameters that do not apply to it."""
        if not search_space:
            return {}
        with _threads().limit(limits=1, user_api="blas"):  # more threads may sum in another order
            values = self._propose(study, trial, search_space)
        return {name: value for name, value in values.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one hyperparameter by itself, with TPE."""
        if self._has_read != trial.number:
            self._has_read = trial.number
            self._one_by_one.before_trial(study, trial)
        return self._one_by_one.sample_independent(study, trial, param_name, param_distribution)

    def _known(self) -> dict[str, BaseDistribution]:
        """Return the ranges seen so far, except those with a single value."""
        return {name: one for name, one in self._columns.ranges.items() if not one.single()}

    def _given(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return the values that are already decided: fixed, enqueued or drawn."""
        return {**self._fixed, **trial.system_attrs.get(QUEUED, {}), **trial.params}

    def _propose(
        self, study: Study, trial: FrozenTrial, space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        encoding = Encoding({**self._known(), **space})
        trials = study.get_trials(deepcopy=False)
        told = [other for other in trials if _is_told(other)]
        values, doubts = worths(told, sign_of_study(study))
        best_first = np.argsort(values, kind="stable")
        rows = self._rows(encoding, told)
        learnt = np.sort(some_of(best_first, MOST_LEARNT))
        model = learn_from(encoding, rows[learnt], values[learnt], doubts[learnt])
        feasible = [one.state == TrialState.COMPLETE and _excess(one) <= 0 for one in told]
        done = rows[feasible] if any(feasible) else rows
        best = float(model.at(encoding.features(done))[0].min())
        running = [
            one
            for one in trials
            if one.state == TrialState.RUNNING and one.params and one.number != trial.number
        ][-MOST_RUNNING:]
        if running:
            model = model.believing(encoding.features(self._rows(encoding, running)))
        limits, computing = self._limits(encoding, trials), self._computing(encoding, told)

        def score(candidates: Numbers) -> Numbers:
            features = encoding.features(candidates)
            gain = log_improvement(*model.at(features), best)
            if limits:
                gain += limits.log_chance(features)
            return gain - self._thrift * computing.logs(features) if computing else gain

        pinned = encoding.pinned(self._given(trial))
        proposals = Proposals(encoding, Conditions(rows), pinned, self._rng)
        return encoding.values(proposals.best(score, rows[best_first]))

    def _rows(self, encoding: Encoding, trials: Sequence[FrozenTrial]) -> Numbers:
        numbers = np.array([trial.number for trial in trials], dtype=np.int64)
        return encoding.rows({name: self._columns.whole(name, numbers) for name in encoding.names})

    def _computing(self, encoding: Encoding, told: Sequence[FrozenTrial]) -> Computing | None:
        """Learn how much computation trainings need, from trials other than baseline and recipe.

        Those two may train more folds. Returns None if `thrift` is 0 or too few trials are known.
        """
        if not self._thrift:
            return None
        whole = [(one, whole_work(one)) for one in told if ARM not in one.user_attrs]
        known = [(one, work) for one, work in whole if work is not None]
        if len(known) < FEWEST_COMPLETE:
            return None
        latest = known[-MOST_COUNTED:]
        rows = self._rows(encoding, [one for one, _ in latest])
        return Computing(encoding, rows, np.array([work for _, work in latest]))

    def _limits(self, encoding: Encoding, trials: Iterable[FrozenTrial]) -> Excess | None:
        """Learn by how much trials exceed their limits; None if no trial has ever exceeded one."""
        measured = [one for one in trials if one.constraints and one.state != TrialState.WAITING]
        excess = np.array([_excess(one) for one in measured])
        if len(measured) < FEWEST_COMPLETE or excess.max() <= 0:
            return None
        some = np.argsort(np.abs(excess), kind="stable")[:MOST_LEARNT]
        rows = self._rows(encoding, [measured[place] for place in some])
        return Excess(encoding, rows, excess[some])


def _is_told(trial: FrozenTrial) -> bool:
    """Whether a trial has shown what its configuration is worth."""
    if trial.state == TrialState.FAIL:
        return bool(trial.params) and trial.user_attrs.get(DIVERGED, False)
    return trial.state in SCORED and bool(trial.params) and not was_passed_over(trial)


def _excess(trial: FrozenTrial) -> float:
    return max(trial.constraints.values(), default=0.0)


@cache
def _threads() -> ThreadpoolController:
    """Return the controller of NumPy's and SciPy's threads; finding them takes milliseconds."""
    return ThreadpoolController()
