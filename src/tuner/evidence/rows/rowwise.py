"""Compares two arms row by row, from what was stored about single test rows."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from optuna.trial import TrialState

from tuner.case.metric import MACRO_F1, MSE
from tuner.evidence.certainty_in_words import certainty_in_words
from tuner.evidence.rows.moments import kept_moments, losses, moments
from tuner.evidence.rows.predictions import (
    PREDICTIONS,
    TARGETS,
    Predictions,
    kept_groups,
    kept_in_time,
    kept_predictions,
    kept_scale,
    kept_targets,
)
from tuner.evidence.statistics.certainty import measured_certainty
from tuner.evidence.statistics.crossed import compare_rows, judge
from tuner.evidence.statistics.gain import unproven
from tuner.evidence.statistics.grouped import count
from tuner.evidence.statistics.looks import Share, is_used_up, most_looks
from tuner.evidence.statistics.resampling import compare_scores
from tuner.evidence.statistics.scores import macro_f1, unit_of_macro_f1
from tuner.study.schema import BEST_EPOCH, HYPERPARAMETERS
from tuner.study.store import evidence_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from numpy.typing import NDArray

    from tuner.case.metric import Metric
    from tuner.evidence.statistics.gain import Gain
    from tuner.evidence.statistics.grouped import Groups


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule by which rows are judged; attributes as the arguments of `crossed.compare_rows`."""

    share: Share
    exact: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What the study of the trainings after the search stores about rows, read once.

    Attributes:
        attributes: of that study.
        targets: of the test rows.
        seconds: mean duration of a training after the search, by the number of its trial.
    """

    attributes: Mapping[str, Any]
    targets: NDArray[np.generic]
    seconds: Mapping[int | str, float]

    @classmethod
    def of(cls, study: optuna.Study) -> Self | None:
        """Read it from a study; None if no rows were stored."""
        evidence = evidence_of(study)
        if evidence is None:
            return None
        attributes = evidence.user_attrs
        targets = kept_targets(attributes)
        if targets is None:
            return None
        return cls(attributes, targets, _seconds_by_trial(study, evidence))

    @classmethod
    def among(cls, attributes: Mapping[str, Any]) -> Self | None:
        """Read it from attributes; None if no rows were stored."""
        targets = kept_targets(attributes)
        return None if targets is None else cls(attributes, targets, {})

    def constant_error(self) -> float | None:
        """Return the lowest mean absolute error of a constant prediction, which is the median.

        In standardised units; None if targets are not numbers.
        """
        if not np.issubdtype(self.targets.dtype, np.floating):
            return None
        targets = self.targets.astype(np.float64)
        return float(np.abs(targets - np.median(targets)).mean())

    @property
    def groups(self) -> Groups | None:
        """Groups of the test rows, as in `crossed.compare_rows`."""
        return kept_groups(self.attributes)

    @property
    def knows_groups(self) -> bool:
        """Whether groups would be stored if there were any; studies tested before stored none."""
        return "groups" in self.attributes[TARGETS]

    @property
    def in_time(self) -> bool:
        """Whether the test rows are in the order of time."""
        return kept_in_time(self.attributes)

    def said(self, trial: int | str) -> Predictions | None:
        """Return the predictions of models of a trial's configuration."""
        return kept_predictions(self.attributes, trial, self.targets)


def _seconds_by_trial(study: optuna.Study, evidence: optuna.Study) -> dict[int | str, float]:
    """Return the mean duration of trainings after the search, by the trial that they repeat."""
    complete, attributes = (TrialState.COMPLETE,), evidence.user_attrs
    trained = [one.user_attrs for one in evidence.get_trials(deepcopy=False, states=complete)]
    found: dict[int | str, float] = {}
    for trial in study.get_trials(deepcopy=False, states=complete):
        if f"{PREDICTIONS}{trial.number}" not in attributes:
            continue  # it was not tested
        what = trial.user_attrs.get(HYPERPARAMETERS), trial.user_attrs.get(BEST_EPOCH)
        alike = (one for one in trained if (one.get("hyperparameters"), one.get("epochs")) == what)
        if times := [one["seconds"] for one in alike if one.get("seconds")]:
            found[trial.number] = fmean(times)
    return found


def by_losses(
    baseline: NDArray[np.float64],
    other: NDArray[np.float64],
    metric: Metric,
    rule: Rule,
    *,
    outlook: bool = True,
) -> dict[str, Any]:
    """Compare, row by row, losses (seeds, rows) that a loop has returned.

    Args:
        outlook: as in `by_row`.
    """
    gain = compare_rows(baseline, other, rule.share, exact=rule.exact)
    if not outlook:
        return _facts(gain)
    able = measured_certainty(gain)
    return {
        **_facts(gain),
        "covers": "rows",
        "most_looks": most_looks(gain.units),
        "used_up": is_used_up(rule.share.tests, gain.units),
        "certainty": able
        and certainty_in_words(able, metric.write_difference, share=metric.per_cent),
        "also": {},
    }


def by_row(
    kept: Kept,
    trials: tuple[int | str, int | str],
    metric: Metric,
    rule: Rule,
    *,
    further: bool,
    outlook: bool = True,
) -> dict[str, Any] | None:
    """Compare row by row, by the metric of the search and by the further one of the task.

    Args:
        trials: number of the baseline's trial, or name of a part, and of the other arm's.
        outlook: whether to tell what more rows or models could show, too. The verdict does not need
            it, and it takes two thirds of the time.

    Returns:
        None if too few of the predictions were stored.
    """
    baseline, other = (kept.said(trial) for trial in trials)
    if baseline is None or other is None:
        return None
    gain = _gain(kept, (trials[0], baseline), (trials[1], other), metric, rule)
    if gain is None:
        return None
    if not outlook:
        return _facts(gain)
    both = [kept.seconds[trial] for trial in trials if trial in kept.seconds]
    able = measured_certainty(gain, seconds=fmean(both) if len(both) == len(trials) else None)
    return {
        **_facts(gain),
        "covers": "rows",
        "most_looks": most_looks(gain.units),
        "used_up": is_used_up(rule.share.tests, gain.units),
        "certainty": able
        and certainty_in_words(able, metric.write_difference, share=metric.per_cent),
        "knows_groups": kept.knows_groups,
        "in_time": kept.in_time and metric.rows is not None,
        "smallest_gain": able and able.smallest,
        "rows_needed": able and able.rows_needed,
        "seeds_needed": able and able.seeds_needed,
        "hour": able and {"seeds": able.hour_seeds, "smallest_gain": able.hour_smallest},
        "also": _also(baseline, other, kept, rule, but=metric) if further else {},
    }


def _gain(
    kept: Kept,
    baseline: tuple[int | str, Predictions],
    other: tuple[int | str, Predictions],
    metric: Metric,
    rule: Rule,
) -> Gain | None:
    """Compare by one metric; None if the predictions that it needs were not stored."""
    if metric.rows is not None:
        return gain_between(kept, baseline[1], other[1], metric, rule)
    rows, of = len(kept.targets), None if kept.groups is None else count(kept.groups)
    if baseline[0] == other[0]:
        seeds = len(baseline[1].seeds), len(other[1].seeds)
        return unproven(0.0, rows, seeds, rule.share, groups=of)
    if found := kept_moments(kept.attributes, metric, baseline, other, of or rows):
        return judge(found, rule.share, exact=rule.exact)
    return gain_between(kept, baseline[1], other[1], metric, rule)


def gain_between(
    kept: Kept, baseline: Predictions, other: Predictions, metric: Metric, rule: Rule
) -> Gain | None:
    """Compare what two configurations said of the same test rows; the rows may be drawn again.

    Args:
        kept: of a study that has met these rows; what was said may be kept with another.

    Returns:
        None where what the metric asks for was not kept.
    """
    groups = kept.groups
    if metric.rows is not None:
        a, b = (losses(metric, one, kept.targets) for one in (baseline, other))
        if a is None or b is None:
            return None
        return compare_rows(a, b, rule.share, exact=rule.exact, groups=groups, in_time=kept.in_time)
    scale = kept_scale(kept.attributes)
    found = moments(metric, baseline, other, kept.targets, scale, groups)
    return None if found is None else judge(found, rule.share, exact=rule.exact)


def _also(
    baseline: Predictions,
    other: Predictions,
    kept: Kept,
    rule: Rule,
    *,
    but: Metric,
) -> dict[str, Any]:
    """Compare by the task's further metric, macro F1 or squared error, unless `but` is it."""
    targets, groups = kept.targets, kept.groups
    if np.issubdtype(targets.dtype, np.floating):
        squared = [losses(MSE, one, targets) for one in (baseline, other)]
        if but == MSE or squared[0] is None or squared[1] is None:
            return {}
        gain = compare_rows(
            *(squared[0], squared[1], rule.share),
            exact=rule.exact,
            groups=groups,
            in_time=kept.in_time,
        )
        return {MSE.name: _facts(gain)}
    if but == MACRO_F1 or targets.ndim == 2:  # for labels, the metric of the search is enough
        return {}
    truth = targets.astype(np.float64)
    unit = unit_of_macro_f1(truth)
    gain = compare_scores(
        macro_f1,
        baseline.values,
        other.values,
        truth,
        unit=unit,
        share=rule.share,
        exact=rule.exact,
        groups=groups,
    )
    return {MACRO_F1.name: _facts(gain)}


def _facts(gain: Gain) -> dict[str, Any]:
    return {
        "gain": gain.gain,
        "interval": gain.interval,
        "confidence": 1 - gain.share.alpha,
        "p_value": gain.p_value,
        "least_p_value": gain.least_p_value,
        "standard_error": gain.standard_error,
        "share_of_rows": gain.row_share,
        "share_of_seeds": gain.seed_share,
        "rows": gain.rows,
        "groups": gain.groups,
        "seeds": list(gain.seeds),
        "n": min(gain.seeds),
        "looks": gain.share.tests,
        "verdict": gain.verdict,
    }
