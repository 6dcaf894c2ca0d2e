"""What the models of one configuration come to as an ensemble, beside each by itself."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from tuner.case.metric import scores
from tuner.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from tuner.case.metric import Metric
    from tuner.data.examples import Examples


def ensemble_facts(
    metrics: Sequence[Metric],
    joint: Tensor,
    alone: Sequence[Tensor],
    test: Examples,
    undo: Callable[[Tensor], Tensor] | None,
) -> dict[str, Any] | None:
    """Return what a study keeps of an ensemble that has met the test with its models.

    The models are those that met it, and no others: the standard error tells what other rows would
    have shown of these, and nothing of other trainings.

    Args:
        metrics: that it is scored by; the first is that of the search.
        joint: outputs of the ensemble (N, outputs).
        alone: outputs of each of its models.
        undo: as for `scores`.

    Returns:
        `scores` by metric; `gain`, by how much it is better than its models are on average, by the
        metric of the search; and `standard_error` of that over the rows, None where the metric has
        no loss a row. None where there are not two models.
    """
    if len(alone) < 2:
        return None
    metric = metrics[0]
    found = scores(metrics, joint, test.targets, undo)
    gain, error = _by_row(metric, joint, alone, test.targets)
    if gain is None:
        of_each = [scores([metric], one, test.targets, undo)[metric.name] for one in alone]
        gain = metric.sign * (found[metric.name] - fmean(of_each))
    return {"scores": found, "gain": gain, "standard_error": error}


def _by_row(
    metric: Metric, joint: Tensor, alone: Sequence[Tensor], targets: Tensor
) -> tuple[float | None, float | None]:
    """Return the mean gain over the rows and its standard error; None where no row has a loss."""
    try:
        of_joint = metric.by_row(joint, targets)
        of_each = [metric.by_row(one, targets) for one in alone]
    except TrainingError:
        return None, None
    known = [one.double() for one in of_each if one is not None]
    if of_joint is None or not known:
        return None, None
    gains = torch.stack(known).mean(dim=0) - of_joint.double()
    if len(gains) < 2:
        return gains.mean().item(), None
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()
