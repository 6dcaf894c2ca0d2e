"""Ensembles: models that differ only in the seed of their training, applied and scored as one.

Deep ensembles: Lakshminarayanan et al. 2017, arXiv:1612.01474, section 2.4. An ensemble averages
probabilities or numbers. By Jensen's inequality, its log loss, squared error or absolute error is
never larger than the mean of its models'.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import logsigmoid

from tuner.case.metric import scores
from tuner.errors import TrainingError
from tuner.evidence.statistics.grouped import error_of_mean, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

    from tuner.case.metric import Metric, Task
    from tuner.data.examples import Examples
    from tuner.training.inference import Apply


class Ensemble(nn.Module):
    """Networks of one configuration, applied as one.

    Attributes:
        members: the networks.
        task: what they were trained for.
    """

    def __init__(self, members: Iterable[nn.Module], task: Task) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.task = task

    def forward(self, batch: Tensor) -> Tensor:
        """Apply each network, and return what they say together: (N, ...) -> (N, outputs)."""
        return together([member(batch) for member in self.members], self.task)


def together(outputs: Sequence[Tensor], task: Task) -> Tensor:
    """Return the outputs of a model whose prediction is the mean of the networks' predictions.

    >>> sure, unsure = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    >>> together([sure, unsure], "classification").softmax(dim=1).allclose(
    ...     (sure.softmax(dim=1) + unsure.softmax(dim=1)) / 2
    ... )
    True

    Args:
        outputs: of each network (N, outputs): logits, whose probabilities are averaged, or numbers
            in scaled units.

    Returns:
        (N, outputs) float32: the logarithms of the mean probabilities of classes, the logits of
        those of labels, or the mean numbers.
    """
    every = torch.stack([one.float() for one in outputs])
    if task == "regression":
        return every.mean(dim=0)
    if task == "multilabel":
        return _log_mean(logsigmoid(every)) - _log_mean(logsigmoid(-every))
    return _log_mean(every.log_softmax(dim=-1))


def of_each(apply: Apply, task: Task) -> Apply:
    """Return a function that applies an ensemble, given one that applies its networks."""

    def applied(ensemble: nn.Module, features: Tensor) -> Tensor:
        if not isinstance(ensemble, Ensemble):
            raise TypeError(f"{type(ensemble).__name__} is no ensemble")
        return together([apply(member, features) for member in ensemble.members], task)

    return applied


def ensemble_facts(
    metrics: Sequence[Metric],
    joint: Tensor,
    alone: Sequence[Tensor],
    test: Examples,
    undo: Callable[[Tensor], Tensor] | None,
) -> dict[str, Any] | None:
    """Return the facts that a study stores about an ensemble of the tested models.

    It consists of exactly those models. The standard error covers other test rows for these models,
    but not other trainings.

    Args:
        metrics: to score it by; the first is that of the search.
        joint: outputs of the ensemble (N, outputs).
        alone: outputs of each of its models.
        undo: as in `scores`.

    Returns:
        `scores` by metric; `gain`: how much better it is than its models on average, by the metric
        of the search; and `standard_error` of the gain over rows, None if the metric has no loss
        for each row. None if there are fewer than two models.
    """
    if len(alone) < 2:
        return None
    metric = metrics[0]
    found = scores(metrics, joint, test.targets, undo)
    gain, error = _by_row(metric, joint, alone, test)
    if gain is None:
        apart = [scores([metric], one, test.targets, undo)[metric.name] for one in alone]
        gain = metric.sign * (found[metric.name] - fmean(apart))
    return {"scores": found, "gain": gain, "standard_error": error}


def _by_row(
    metric: Metric, joint: Tensor, alone: Sequence[Tensor], test: Examples
) -> tuple[float | None, float | None]:
    """Return the mean gain over rows and its standard error; None if rows have no loss."""
    try:
        of_joint = metric.by_row(joint, test.targets)
        apart = [metric.by_row(one, test.targets) for one in alone]
    except TrainingError:
        return None, None
    known = [one.double() for one in apart if one is not None]
    if of_joint is None or not known:
        return None, None
    gains = torch.stack(known).mean(dim=0) - of_joint.double()
    groups = None if test.groups is None else numbered(test.groups.numpy())
    return gains.mean().item(), error_of_mean(gains.numpy(), groups)


def _log_mean(logarithms: Tensor) -> Tensor:
    """Return the logarithm of the mean, over dimension 0, of the numbers with these logarithms."""
    return logarithms.logsumexp(dim=0) - math.log(len(logarithms))
