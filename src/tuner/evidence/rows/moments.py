"""Scores of a metric on the test rows: losses for each row, or moments of a gain.

If a metric has a loss for each row, two arms are compared row by row. Any other metric is computed
on resampled rows, which takes seconds, so the result is stored.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.errors import TrainingError
from tuner.evidence.rows.predictions import kept_groups, kept_predictions, kept_scale, kept_targets
from tuner.evidence.statistics.crossed import Moments
from tuner.evidence.statistics.resampling import RESAMPLES, moments_of_scores
from tuner.evidence.statistics.scores import auc, macro_f1, unit_of_auc, unit_of_macro_f1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import optuna
    from numpy.typing import NDArray
    from torch import Tensor

    from tuner.case.metric import Metric
    from tuner.evidence.rows.predictions import Predictions
    from tuner.evidence.statistics.components import Array
    from tuner.evidence.statistics.grouped import Groups
    from tuner.evidence.statistics.scores import Score

    Values = NDArray[np.generic]

MOMENTS = "test_moments:"  # followed by a metric and two trials' numbers
MOST_SCORES = 1_200  # for one pair: a scorer takes some milliseconds
FEWEST_RESAMPLES = 100
JACKKNIFED = 50  # rows that are left out one by one, to see how much one row changes a score


def losses(metric: Metric, said: Predictions, targets: Values) -> Array | None:
    """Return each model's loss on each row (seeds, rows), in standardised units.

    None if the metric has no loss for each row, or needs probabilities that were not stored.
    """
    outputs = _outputs(metric, said, targets)
    if metric.rows is None or outputs is None:
        return None
    if metric.needs_probability:
        truth = _truth(targets)
        tensors = map(_tensor, outputs)
        return np.stack([metric.rows(one, truth).numpy() for one in tensors])
    labels: Any = targets[:, None] if np.issubdtype(targets.dtype, np.floating) else targets
    rows: Any = metric.rows
    return np.stack([np.asarray(rows(one, labels), np.float64) for one in outputs])


def moments(
    metric: Metric,
    baseline: Predictions,
    other: Predictions,
    targets: Values,
    scale: tuple[float, float] | None = None,
    groups: Groups | None = None,
) -> Moments | None:
    """Return the moments of a gain by a metric without a loss for each row, by resampling.

    Args:
        targets: of the test rows, classes or numbers in standardised units.
        scale: mean and standard deviation of numbers in the target's own units.
        groups: of the rows, as in `crossed.compare_rows`.

    Returns:
        None if there is one seed or row, or if the metric cannot be computed.
    """
    one, two = _outputs(metric, baseline, targets), _outputs(metric, other, targets)
    if one is None or two is None:
        return None
    if metric.own_units and scale is not None:
        mean, std = scale
        one, two = one * std + mean, two * std + mean
        targets = targets.astype(np.float64) * std + mean
    score, unit, resamples = _score(metric, (one, two), targets)
    return moments_of_scores(
        score,
        one,
        two,
        targets.astype(np.float64),
        direction=metric.direction,
        unit=unit,
        groups=groups,
        resamples=resamples,
    )


def keep_moments(evidence: optuna.Study, metric: Metric, trials: Iterable[int | str]) -> None:
    """Store the moments of the gains between these trials, if the metric has no loss for rows.

    Args:
        evidence: the study of the trainings after the search, with their predictions.
    """
    attributes = evidence.user_attrs
    targets = kept_targets(attributes)
    if metric.rows is not None or targets is None:
        return
    scale, groups = kept_scale(attributes), kept_groups(attributes)
    said = {one: kept_predictions(attributes, one, targets) for one in sorted(trials, key=str)}
    for (first, one), (second, two) in combinations(said.items(), 2):
        if one is None or two is None:
            continue
        found = moments(metric, one, two, targets, scale, groups)
        entry = {"seeds": [list(one.seeds), list(two.seeds)], "moments": found and asdict(found)}
        evidence.set_user_attr(_name(metric, first, second), entry)


def kept_moments(
    attributes: Mapping[str, Any],
    metric: Metric,
    baseline: tuple[int | str, Predictions],
    other: tuple[int | str, Predictions],
    units: int,
) -> Moments | None:
    """Return the moments of a gain between two trials, if they are stored for these predictions.

    Args:
        attributes: of an evidence study.
        baseline: number of the trial, and its models' predictions; so is `other`.
        units: number of resampled rows, or of groups.
    """
    turned = str(baseline[0]) > str(other[0])
    first, second = (other, baseline) if turned else (baseline, other)
    entry = attributes.get(_name(metric, first[0], second[0]))
    seeds = [list(first[1].seeds), list(second[1].seeds)]
    if entry is None or entry["seeds"] != seeds or entry["moments"] is None:
        return None
    uneven = entry["moments"].get("in_groups") and "evenness" not in entry["moments"]
    if entry["moments"]["rows"] != units or uneven:
        return None  # by rows, or by groups as if all were of one size, as they were kept at first
    pairs = {name: tuple(entry["moments"][name]) for name in ("seeds", "means", "rest")}
    if of_models := entry["moments"].get("scores"):
        pairs["scores"] = tuple(map(tuple, of_models))
    if turned:
        pairs = {name: pair[::-1] for name, pair in pairs.items()}
    gain = entry["moments"]["gain"]
    return Moments(**{**entry["moments"], **pairs, "gain": -gain if turned else gain})


def _name(metric: Metric, first: int | str, second: int | str) -> str:
    return f"{MOMENTS}{metric.name}:{first}:{second}"


def _tensor(values: Values) -> Tensor:
    import torch  # takes seconds to import, and most reports do not need it

    return torch.from_numpy(values)


def _truth(targets: Values) -> Tensor:
    if np.issubdtype(targets.dtype, np.floating):
        return _tensor(targets.astype(np.float64))[:, None]
    return _tensor(targets.astype(np.int64))


def _outputs(metric: Metric, said: Predictions, targets: Values) -> Array | None:
    """Return outputs (seeds, rows, outputs) that stand for these predictions, for a metric."""
    known = said.outputs()
    if known is not None or metric.needs_probability:
        return known
    classes = said.values.astype(np.int64)
    return np.eye(int(max(classes.max(), targets.max())) + 1)[classes]


def _score(metric: Metric, said: Sequence[Any], targets: Values) -> tuple[Score, float, int]:
    """Return a function that scores resampled rows, a row's effect, and the number of draws."""
    if metric.name in BY_WEIGHTS and targets.ndim == 1:
        score, unit = BY_WEIGHTS[metric.name]
        return score, unit(targets.astype(np.float64)), RESAMPLES
    labels = targets

    def drawn(predictions: Values, targets: Array, weights: Array) -> Array:
        del targets  # the same targets, as numbers
        return np.array([[_on(metric, p, labels, times) for p in predictions] for times in weights])

    models = sum(map(len, said))
    resamples = min(RESAMPLES, max(FEWEST_RESAMPLES, MOST_SCORES // models))
    return drawn, _unit(metric, said[0][0], targets), resamples


def _of_guesses(predictions: Values, targets: Array, weights: Array) -> Array:
    return macro_f1(predictions.argmax(axis=2), targets, weights)


# Metrics that can be computed on all draws at once, and the effect of one row on them.
BY_WEIGHTS: dict[str, tuple[Score, Callable[[Array], float]]] = {
    "macro_f1": (_of_guesses, unit_of_macro_f1),
    "roc_auc": (auc, unit_of_auc),
}


def _on(metric: Metric, outputs: Values, targets: Values, times: Array) -> float:
    """Score one model on rows with these counts; nan if that is impossible."""
    rows = np.repeat(np.arange(len(targets)), times.astype(np.int64))
    try:
        return metric.score(_tensor(outputs[rows]), _truth(targets[rows])).item()
    except TrainingError:
        return float("nan")


def _unit(metric: Metric, outputs: Values, targets: Values) -> float:
    """Return how much one row of N changes a score, times N: the maximum over some rows."""
    count = len(targets)
    whole = np.ones(count)
    score = _on(metric, outputs, targets, whole)
    moved = [0.0]
    for row in np.linspace(0, count - 1, min(count, JACKKNIFED)).astype(int):
        without = whole.copy()
        without[row] = 0
        moved.append(abs(_on(metric, outputs, targets, without) - score) * count)
    return float(np.nanmax(moved))
