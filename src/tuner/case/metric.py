"""Scores of a model's outputs: the ones of the field, as scikit-learn computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sklearn.metrics import f1_score

if TYPE_CHECKING:
    from torch import Tensor

Task = Literal["classification", "regression"]


def score(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the task's metric as a tensor of no dimensions: accuracy, or mean absolute error.

    Args:
        outputs: logits (N, classes), or numbers (N, 1).
        targets: classes (N,), or numbers (N, 1) in the units of `outputs`.
    """
    if task == "classification":
        return (outputs.argmax(dim=1) == targets).float().mean()
    return (outputs - targets).abs().mean()


def scores(task: Task, outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Every metric reported for the task: accuracy and macro F1, or MAE and MSE."""
    first = score(task, outputs, targets).item()
    if task == "classification":
        guesses = outputs.argmax(dim=1).cpu().numpy()
        # Over the classes that have rows: the same ones for all models, whatever they answer.
        present = targets.unique().tolist()
        macro = f1_score(
            targets.cpu().numpy(), guesses, labels=present, average="macro", zero_division=0
        )
        return {"accuracy": first, "macro_f1": float(macro)}
    return {"mae": first, "mse": (outputs - targets).square().mean().item()}


def trivial(task: Task, targets: Tensor) -> tuple[float, float]:
    """Score a predictor that looks at nothing, on targets (N,) or (N, 1).

    Returns:
        The task's metric of the most frequent class, or of the median; and the training loss of
        the classes' shares (cross entropy, nats), or of the mean (squared error). Numbers are in
        standardised units.
    """
    if task == "classification":
        shares = targets.bincount() / len(targets)
        return shares.max().item(), -shares.xlogy(shares).sum().item()
    standardised = (targets - targets.mean()) / targets.std()
    return (standardised - standardised.median()).abs().mean().item(), 1.0
