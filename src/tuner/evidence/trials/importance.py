"""Measures which hyperparameters mattered: fANOVA with intervals, and a shadow of pure noise.

Every value of every hyperparameter enters, even if it was not drawn, on the scale on which it is
drawn: a learning rate by its logarithm, a number that is one of several choices by its index. So a
split counts as much as the share of draws that it cuts off. A shadow that is pure noise enters too
(Kursa and Rudnicki 2010, "Feature Selection with the Boruta Package"): a hyperparameter that does
not beat it has shown no effect. A hyperparameter that `suggest` derives from another one, and that
always changes with it, is left out, because the two would share the importance of one choice.
Scores enter as ranks, because a single trial that went wrong would otherwise outweigh all others.
"""

from __future__ import annotations

import math
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from scipy.stats import rankdata

from tuner.case.assignments import is_number
from tuner.evidence.trials.fanova import fanova
from tuner.seeds import Stream, derive
from tuner.study.schema import HYPERPARAMETERS, IMPORTANCE
from tuner.study.store import facts_of
from tuner.study.trials import scored_trials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

SHADOW = "shadow"
RESAMPLES = 40
TREES = 64
TREES_A_RESAMPLE = 16  # with 64, intervals are hardly narrower, and it takes most of a minute
FEWEST_TRIALS = 8
EVIDENCE = 0.95  # share of the resamples in which it has to beat the shadow
AS_DRAWN = "as drawn"  # the scale of values; older studies used numbers directly

Rows = list[tuple[dict[str, Any], float]]


def explain(study: optuna.Study, say: Callable[[str], None], pool: Executor | None = None) -> None:
    """Measure importance and store it with the study, unless it is stored for the present trials.

    Args:
        pool: where to compute it; None for this process.
    """
    count = len(scored_trials(study))
    known = study.user_attrs.get(IMPORTANCE, {})
    if (known.get("trials"), known.get("measure")) != (count, AS_DRAWN):
        say("Measuring which hyperparameters mattered.")
        found = importance(study, pool)
        study.set_user_attr(IMPORTANCE, found)
        if found["final"] is None:
            say(
                f"This needs {FEWEST_TRIALS} complete trials with different scores. Run more "
                "trials."
            )


def importance(study: optuna.Study, pool: Executor | None = None) -> dict[str, Any]:
    """Measure importance twice: from the ends of complete trials, and from all trials early on.

    Complete trials are the ones that were not pruned, so they say least about what is bad
    everywhere. Therefore all trials enter as well, at the last rung (twentieth of the training)
    that all of them reached.

    Returns:
        `final` and `early`, each with the number of trials and a list, the most important first, of
        name, importance (they sum to 1), its `interval` with 95 % of the resamples, and `beats`:
        the share of resamples in which it was above the shadow's; and `missing`: names that only
        some of the trials have, for example those of a loop that asks for them now and then. None
        in place of either one if it has fewer than 8 trials, or if all are equal.
    """
    seed = facts_of(study)["seed"]
    trials = scored_trials(study)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    reached = [max(trial.intermediate_values, default=0) for trial in trials]
    rung = min(reached, default=0)
    early = [(t, t.intermediate_values[rung]) for t in trials if rung in t.intermediate_values]
    final = _rows((trial, trial.values[0]) for trial in complete)
    drawn = {name: one for trial in trials for name, one in trial.distributions.items()}
    return {
        "measure": AS_DRAWN,
        "trials": len(trials),
        "rung": rung,
        "final": _measure(final, drawn, derive(seed, Stream.IMPORTANCE), pool),
        "early": _measure(_rows(early), drawn, derive(seed, Stream.IMPORTANCE), pool)
        if rung
        else None,
    }


def _rows(trials: Iterable[tuple[FrozenTrial, float]]) -> Rows:
    return [
        (trial.user_attrs[HYPERPARAMETERS], value)
        for trial, value in trials
        if math.isfinite(value) and HYPERPARAMETERS in trial.user_attrs
    ]


def _measure(
    rows: Rows, drawn: Mapping[str, BaseDistribution], seed: int, pool: Executor | None
) -> dict[str, Any] | None:
    values = {value for _, value in rows}
    if len(rows) < FEWEST_TRIALS or len(values) < 2:
        return None
    names = _varied(rows, drawn)
    if not names:
        return None
    every = {name for row, _ in rows for name in row}
    missing = sorted(name for name in every if any(name not in row for row, _ in rows))
    rows = [
        ({name: _placed(row[name], drawn.get(name)) for name in names}, score)
        for row, score in rows
    ]
    draw = np.random.default_rng(seed)
    samples = [_Sample.of(rows, names, draw, TREES)]
    while len(samples) < 1 + RESAMPLES:
        resampled = [rows[index] for index in draw.integers(len(rows), size=len(rows))]
        if len({value for _, value in resampled}) > 1:
            samples.append(_Sample.of(resampled, names, draw, TREES_A_RESAMPLE))
    whole, *others = _computed(samples, pool)
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "importance": whole[name],
            "interval": _interval([one[name] for one in others]),
            "beats": sum(one[name] > one[SHADOW] for one in others) / RESAMPLES,
        }
        for name in names
    ]
    found.sort(key=lambda one: (-one["importance"], one["name"]))
    shadow = {
        "importance": whole[SHADOW],
        "interval": _interval([one[SHADOW] for one in others]),
    }
    return {"trials": len(rows), "hyperparameters": found, "shadow": shadow, "missing": missing}


def _placed(value: object, distribution: BaseDistribution | None) -> object:
    """Return a value on a scale on which equal distances are drawn equally often.

    Values that are not numbers or were not drawn stay unchanged.
    """
    if not is_number(value) or not math.isfinite(value):
        return value
    if isinstance(distribution, FloatDistribution | IntDistribution) and distribution.log:
        return math.log(value if value > 0 else distribution.low)
    if isinstance(distribution, CategoricalDistribution):
        choices = [one for one in distribution.choices if is_number(one) and math.isfinite(one)]
        if len(choices) == len(distribution.choices):
            return float(np.interp(value, sorted(choices), np.arange(len(choices))))
    return value


def _varied(rows: Rows, drawn: Mapping[str, BaseDistribution]) -> list[str]:
    """Return the hyperparameters that every trial has and that vary, one for each choice.

    Of those that always change together, the ones that were not drawn are left out.
    """
    known = set.intersection(*(set(row) for row, _ in rows))
    changes = {name: _changes([repr(row[name]) for row, _ in rows]) for name in sorted(known)}
    varied = [name for name, one in changes.items() if any(one)]
    choices = {changes[name] for name in varied if name in drawn}
    return [name for name in varied if name in drawn or changes[name] not in choices]


def _changes(values: Sequence[str]) -> tuple[int, ...]:
    """Return values numbered by first occurrence: equal for columns that change together."""
    numbers: dict[str, int] = {}
    return tuple(numbers.setdefault(value, len(numbers)) for value in values)


@dataclass(frozen=True, slots=True)
class _Sample:
    """The input of one fANOVA; all random draws are made here, so any process may compute it.

    Attributes:
        columns: the values of each hyperparameter, and of its own shadow.
        ranks: of the scores.
    """

    columns: dict[str, list[Any]]
    ranks: list[float]
    trees: int
    seed: int

    @classmethod
    def of(cls, rows: Rows, names: Sequence[str], draw: np.random.Generator, trees: int) -> Self:
        """Draw a shadow for these rows."""
        columns: dict[str, list[Any]] = {name: [row[name] for row, _ in rows] for name in names}
        columns[SHADOW] = draw.random(len(rows)).tolist()
        ranks = rankdata([value for _, value in rows])
        return cls(columns, [float(rank) for rank in ranks], trees, int(draw.integers(2**31)))


def _computed(samples: Sequence[_Sample], pool: Executor | None) -> list[dict[str, float]]:
    if pool is not None:
        with suppress(BrokenExecutor):  # one of its processes was killed
            # Not `pool.map`, which cancels the remaining work on Ctrl-C: a broken pool then fails
            # with a traceback.
            computing = [pool.submit(_shares, sample) for sample in samples]
            return [one.result() for one in computing]
    return [_shares(sample) for sample in samples]


def _shares(sample: _Sample) -> dict[str, float]:
    """Return the importance of each column; they sum to 1 unless all are 0."""
    found = fanova(sample.columns, sample.ranks, sample.trees, sample.seed)
    total = sum(found.values()) or 1.0
    return {name: share / total for name, share in found.items()}


def _interval(values: Sequence[float]) -> list[float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return [float(low), float(high)]
