"""Formulas of tuner's own metrics, for a whole model and for each row.

Outputs are logits (N, classes) or (N, labels), or numbers (N, 1); targets are classes (N,), labels
(N, labels) or numbers (N, 1). Formulas for each row accept NumPy's arrays too, except those that
use probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the share of rows that are right."""
    return (outputs.argmax(dim=1) == targets).float().mean()


def is_wrong(outputs: Any, targets: Any) -> Any:
    """Return 1 for each row that is wrong, else 0: (N,)."""
    return (outputs.argmax(axis=1) != targets) * 1.0


def macro_f1(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean F1 over the classes that have rows, whatever classes are predicted."""
    if targets.dim() == 2:
        return macro_f1_of_labels(outputs, targets)
    import torch  # slow to import, like the next, and `tuner --help` needs neither
    from sklearn.metrics import f1_score

    truth = targets.cpu().numpy()
    guesses = outputs.argmax(dim=1).cpu().numpy()
    labels = targets.unique().cpu().numpy()
    found = f1_score(truth, guesses, labels=labels, average="macro", zero_division=0)
    return torch.tensor(float(found), dtype=torch.float64)


def macro_f1_of_labels(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean F1 over the labels that at least one row has."""
    said, truth = outputs > 0, targets > 0
    both, either = (said & truth).sum(dim=0), said.sum(dim=0) + truth.sum(dim=0)
    known = truth.any(dim=0)
    shares: Tensor = 2 * both[known] / either[known]
    return shares.double().mean()


def jaccard(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean share of labels both predicted and true, among those predicted or true."""
    losses: Tensor = not_shared(outputs, targets)
    return 1 - losses.float().mean()


def not_shared(outputs: Any, targets: Any) -> Any:
    """Return, for each row, one minus the share of common labels: (N,).

    It is 0 for a row without labels for which none is predicted.
    """
    said, truth = outputs > 0, targets > 0
    either, both = (said | truth).sum(1), (said & truth).sum(1)
    return 1.0 - (both + (either == 0)) / (either + (either == 0))


def exact_match(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the share of rows with all labels right."""
    losses: Tensor = differs(outputs, targets)
    return 1 - losses.mean()


def differs(outputs: Any, targets: Any) -> Any:
    """Return 1 for each row with a wrong label, else 0: (N,)."""
    return ((outputs > 0) != (targets > 0)).any(1) * 1.0


def mean_absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of the absolute errors."""
    return (outputs - targets).abs().mean()


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the absolute error of each row: (N,)."""
    return abs(outputs - targets).reshape(-1)


def mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of the squared errors."""
    return (outputs - targets).square().mean()


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error of each row: (N,)."""
    return ((outputs - targets) ** 2).reshape(-1)


def log_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of `surprise`."""
    return surprise(outputs, targets).mean()


def surprise(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return minus the logarithm of the probability of each row's true class."""
    return -outputs.double().log_softmax(dim=1).gather(1, targets[:, None])[:, 0]


def brier_score(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared distance of probabilities from the truth."""
    return squared_distance(outputs, targets).mean()


def squared_distance(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the squared distance of each row's probabilities from the truth.

    For two classes it is half of that, as in scikit-learn: the squared error of one probability.
    """
    distance = outputs.double().softmax(dim=1)
    rows = targets.new_ones(len(targets)).cumsum(0) - 1  # 0, 1, ... on the device of the targets
    distance[rows, targets] -= 1
    return distance.square().sum(dim=1) * (0.5 if outputs.shape[1] == 2 else 1.0)
