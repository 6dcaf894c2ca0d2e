"""An ensemble: networks that differ in the seed of their training alone, applied as one.

Deep ensembles: Lakshminarayanan et al. 2017, arXiv:1612.01474, section 2.4. The mean of what they
say, probabilities or numbers, has by Jensen's inequality never a larger log loss, squared or
absolute error than they have on average.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import logsigmoid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from tuner.case.metric import Task
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
    """Return the outputs of a model that says the mean of what networks say.

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
    """Return how an ensemble is applied of networks that are applied by `apply`."""

    def applied(ensemble: nn.Module, features: Tensor) -> Tensor:
        if not isinstance(ensemble, Ensemble):
            raise TypeError(f"{type(ensemble).__name__} is no ensemble")
        return together([apply(member, features) for member in ensemble.members], task)

    return applied


def _log_mean(logarithms: Tensor) -> Tensor:
    """Return the logarithm of the mean of what these are the logarithms of, over dimension 0."""
    return logarithms.logsumexp(dim=0) - math.log(len(logarithms))
