"""Converts the result of each trial of a search into one number; lower is better."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from optuna.trial import TrialState
from scipy.special import boxcox, boxcox1p

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from optuna.trial import FrozenTrial

    Numbers: TypeAlias = NDArray[np.float64]

POWERS = np.linspace(-3, 3, 121)
DOUBT = 0.02  # variance of the score that a pruned trial would have reached
BEHIND = 0.05  # distance between trials that were pruned behind all others


def worths(trials: Sequence[FrozenTrial], sign: int) -> tuple[Numbers, Numbers]:
    """Return the values of trials, standardised, and the variance of each, shape (n,) each.

    A power transformation makes the scores of complete trials as close to normal as possible, as
    HEBO does (Cowen-Rivers et al. 2022, "HEBO: Pushing the Limits of Sample-Efficient
    Hyperparameter Optimisation", section 4.2). So a score that is a hundred times worse than the
    others no longer hides the differences between good ones.

    A pruned trial gets the value of a complete one with the same rank: its rank among the complete
    trials at the stage at which it was pruned is looked up in their final order. A trial that was
    behind all of them gets a lower value than any, and so does one that diverged.

    Args:
        trials: complete, pruned with a score, or diverged; at least three complete ones.
        sign: 1 if a higher score is better, -1 if a lower one is.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    finals = normalized(_finite(np.array([-sign * (trial.value or 0.0) for trial in complete])))
    found = {one.number: float(value) for one, value in zip(complete, finals, strict=True)}
    best_first, then = np.sort(finals), _Then(complete, sign)
    places = _evenly(len(best_first))
    behind: list[tuple[float, float, int]] = []
    for trial in trials:
        if trial.state == TrialState.COMPLETE:
            continue
        stage = trial.last_step if trial.state == TrialState.PRUNED else None
        if stage is None:
            behind.append((0.0, 0.0, trial.number))
            continue
        score, others = -sign * trial.intermediate_values[stage], then.at(stage)  # may be nan
        if len(others) and score <= others[-1]:
            share = np.interp(score, others, _evenly(len(others)))
            found[trial.number] = float(np.interp(share, places, best_first))
        else:
            behind.append((-stage, np.nan_to_num(score, nan=np.inf), trial.number))
    for place, (_, _, number) in enumerate(sorted(behind), start=1):
        found[number] = best_first[-1] + BEHIND * place
    values = np.array([found[trial.number] for trial in trials])
    done = np.array([trial.state == TrialState.COMPLETE for trial in trials])
    return _standardized(values), np.where(done, 0.0, DOUBT)


def normalized(values: Numbers) -> Numbers:
    """Return values standardised after the power transformation that makes them most nearly normal.

    Box and Cox 1964, "An Analysis of Transformations"; if values are not all positive, or are close
    together, Yeo and Johnson 2000, "A New Family of Power Transformations". scikit-learn's
    `power_transform` finds the same powers with more digits, in 30 times the time.
    """
    plain = _standardized(values)
    if not plain.any():
        return plain
    with np.errstate(all="ignore"):
        if values.min() > 0 and values.max() > 2 * values.min():
            logs = np.log(values / values.max())
            bent = boxcox(values / values.max(), POWERS[:, None])
        else:
            logs = np.sign(plain) * np.log1p(np.abs(plain))
            above = boxcox1p(np.maximum(plain, 0), POWERS[:, None])
            bent = above - boxcox1p(np.maximum(-plain, 0), 2 - POWERS[:, None])
        likely = (POWERS - 1) * logs.sum() - len(values) / 2 * np.log(bent.var(axis=1))
        found = bent[np.argmax(np.where(np.isfinite(likely), likely, -np.inf))]
    usable = np.isfinite(found).all() and (np.diff(found[np.argsort(plain)]) >= 0).all()
    return _standardized(found) if usable and found.std() > 0 else plain


@lru_cache(maxsize=64)  # some for each stage
def _evenly(count: int) -> Numbers:
    """Return `count` evenly spaced quantile levels between 0 and 1."""
    return np.linspace(0, 1, count)


def _finite(values: Numbers) -> Numbers:
    """Return values with infinite ones replaced by the extremes of the finite ones."""
    finite = values[np.isfinite(values)]
    return np.clip(values, finite.min(), finite.max()) if len(finite) else np.zeros(len(values))


def _standardized(values: Numbers) -> Numbers:
    scaled = values / (np.abs(values).max() or 1.0)  # else the square of a large one overflows
    spread = scaled.std()
    return (scaled - scaled.mean()) / spread if spread > 0 else np.zeros(len(values))


class _Then:
    """The scores of complete trials at earlier stages."""

    def __init__(self, complete: Sequence[FrozenTrial], sign: int) -> None:
        self._reports = [
            (sorted(trial.intermediate_values), trial.intermediate_values) for trial in complete
        ]
        self._sign = sign
        self._known: dict[int, Numbers] = {}

    def at(self, stage: int) -> Numbers:
        """Return their scores in ascending order; a stage without a report takes the one before."""
        if stage not in self._known:
            last = [
                reports[stages[place - 1]]
                for stages, reports in self._reports
                if (place := bisect_right(stages, stage))
            ]
            scores = -self._sign * np.array(last, dtype=float)
            self._known[stage] = np.sort(scores[~np.isnan(scores)])
        return self._known[stage]
