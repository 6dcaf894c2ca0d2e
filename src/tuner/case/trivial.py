"""The scores of trivial predictors, which a model has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.case.metric import ACCURACY, MAE, METRICS_OF, scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.case.metric import Metric, Task


def trivial(
    task: Task, targets: Tensor, metric: Metric | None = None
) -> tuple[float | None, float]:
    """Score predictors that ignore the features, on targets (N,), (N, classes) or (N, 1).

    Args:
        metric: None for the task's own.

    Returns:
        The metric of the most frequent class or of the classes' shares; for labels, of those that
        most rows have or of the most frequent set; for numbers, of the median or the mean; the
        better one in each case. None if the metric has no perfect score. And the training loss: of
        the classes' shares (cross entropy, nats), or of the mean (squared error). Numbers are in
        standardised units, but in the target's own for a metric that needs those.
    """
    metric = metric or METRICS_OF[task][0]
    if task == "multilabel":
        return _trivial_labels(targets, metric)
    if task == "classification":
        shares = targets.bincount() / len(targets)
        loss = -shares.xlogy(shares).sum().item()
        if metric == ACCURACY:
            return shares.max().item(), loss
        return _best(metric, targets, [shares.log().expand(len(targets), -1)]), loss
    standardised = (targets - targets.mean()) / targets.std()
    if metric == MAE:
        return (standardised - standardised.median()).abs().mean().item(), 1.0
    truth = targets if metric.own_units else standardised
    levels = (truth.median(), truth.mean())
    return _best(metric, truth, [level.expand(len(truth), 1) for level in levels]), 1.0


def _trivial_labels(targets: Tensor, metric: Metric) -> tuple[float | None, float]:
    shares = targets.double().mean(dim=0)
    loss = -(shares.xlogy(shares) + (1 - shares).xlogy(1 - shares)).mean().item()
    sets, counts = targets.unique(dim=0, return_counts=True)
    answers = (shares.logit(eps=1e-6), 2.0 * sets[counts.argmax()] - 1, 0 * shares + 1)
    return _best(metric, targets, [one.expand(len(targets), -1) for one in answers]), loss


def _best(metric: Metric, targets: Tensor, answers: Sequence[Tensor]) -> float | None:
    if metric.perfect is None:
        return None
    known = [scores([metric], answer, targets)[metric.name] for answer in answers]
    return max(known, key=lambda score: metric.sign * score)
