"""The errors of a model on the test split: counts, most confident errors, residuals."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from sklearn.metrics import confusion_matrix

from tuner.evidence.rows.doubt import MOST, Doubt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.data.examples import Examples

MOST_MISTAKES = 12
MOST_SUSPECTS = 50
MOST_ROWS = 1000  # of a regression that are stored


def classification_mistakes(
    outputs: Sequence[Tensor], test: Examples, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the confusion matrix over all models, and the most confident errors of the first.

    Args:
        outputs: logits (N, classes) of each model.
    """
    targets = test.targets
    labels = range(len(classes))
    counts = sum(
        confusion_matrix(targets.numpy(), one.argmax(dim=1).numpy(), labels=labels)
        for one in outputs
    )
    confidence, guess = outputs[0].softmax(dim=1).max(dim=1)
    wrong = (guess != targets).nonzero().flatten()
    ranked = wrong[confidence[wrong].argsort(descending=True, stable=True)][:MOST_MISTAKES]
    confusion = [[int(count) for count in row] for row in counts]
    return {
        "classes": list(classes),
        "models": len(outputs),
        "confusion": confusion,
        "recall": recall(confusion),
        "one_class": one_class(confusion, classes),
        "mistakes": [
            mistake(
                test,
                row,
                classes[int(targets[row])],
                classes[int(guess[row])],
                float(confidence[row]),
            )
            for row in ranked.tolist()
        ],
        "suspects": suspects(outputs, test, classes),
        "sure": sure_answers(_shares(outputs)),
    }


def doubtful(shares: Tensor, targets: Tensor) -> list[Doubt]:
    """Return the rows with a label that nearly all models contradict, the most doubtful first.

    A row is suspect if nine models in ten or more predict another class than its label, with a mean
    probability of nine in ten or more, and if they are credible: among all rows with predictions at
    least as sure, nine in ten or more have the predicted label. So models that know little accuse
    nobody, and a row between two classes is not suspect. Without the second rule, good models
    accused all rows that they get wrong: a twentieth of the rows in data without a wrong label.

    Args:
        shares: probabilities (models, N, classes) of models that were not trained on these rows.
        targets: (N,) classes.
    """
    against = (shares.argmax(dim=2) != targets).double().mean(dim=0)
    mean = shares.mean(dim=0)
    best, guess = mean.max(dim=1)
    wrong = guess != targets
    order = best.argsort(descending=True, stable=True)
    right = (~wrong[order]).double().cumsum(dim=0) / torch.arange(1, len(order) + 1)
    believed = torch.empty_like(right)
    believed[order] = right
    told = wrong & (against >= MOST) & (best >= MOST) & (believed >= MOST)
    found = told.nonzero().flatten()
    doubt = best - mean.gather(1, targets[:, None])[:, 0]
    ranked = found[doubt[found].argsort(descending=True, stable=True)]
    return [
        Doubt(
            row=int(row),
            label=int(targets[row]),
            said=int(guess[row]),
            probability=float(best[row]),
            models=round(float(against[row]) * len(shares)),
        )
        for row in ranked
    ]


def suspects(
    outputs: Sequence[Tensor], test: Examples, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the test rows with a label that nearly all models contradict (see `doubtful`).

    Args:
        outputs: logits (N, classes) of each model; none of the models was trained on these rows.
    """
    return [
        suspect(test, one.row, classes[one.label], classes[one.said], one)
        for one in doubtful(_shares(outputs), test.targets)[:MOST_SUSPECTS]
    ]


def sure_answers(shares: Tensor) -> dict[str, float]:
    """Return how many predictions are sure, and how many of these are expected to be wrong.

    So a reader can distinguish suspect labels from the occasional errors of sure models.

    Args:
        shares: probabilities (models, N, classes).

    Returns:
        `answers`: number of predictions with a mean probability of nine in ten or more; and
            `wrong`: the sum of one minus their probabilities.
    """
    best = shares.mean(dim=0).amax(dim=1)
    sure = best[best >= MOST]
    return {"answers": len(sure), "wrong": float((1 - sure).sum())}


def _shares(outputs: Sequence[Tensor]) -> Tensor:
    """Return probabilities (models, N, classes) of logits."""
    return torch.stack([one.double().softmax(dim=1) for one in outputs])


def suspect(test: Examples, row: int, label: str, said: str, doubt: Doubt) -> dict[str, Any]:
    """Return a suspect label of a test row as it is stored."""
    return {
        "row": row,
        "file": file_of(test, row),
        "label": label,
        "said": said,
        "probability": doubt.probability,
        "models": doubt.models,
    }


def mistake(
    test: Examples, row: int, true: str, predicted: str, probability: float
) -> dict[str, Any]:
    """Return an error on a test row as it is stored."""
    return {
        "row": row,
        "file": file_of(test, row),
        "true": true,
        "predicted": predicted,
        "probability": probability,
        "png": picture_of(test.features[row]),
    }


def file_of(test: Examples, row: int) -> str | None:
    """Return the file of a test row; None if rows have no names."""
    return test.names[row] if test.names else None


def recall(confusion: Sequence[Sequence[int]]) -> list[float | None]:
    """Return the share of each class's rows that are found; None for a class without rows.

    Args:
        confusion: counts, true classes in rows, predicted ones in columns.
    """
    return [row[number] / sum(row) if sum(row) else None for number, row in enumerate(confusion)]


def one_class(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> str | None:
    """Return the class that is predicted for every row; None if there are several."""
    predicted = [
        name
        for name, counts in zip(classes, zip(*confusion, strict=True), strict=True)
        if any(counts)
    ]
    return predicted[0] if len(predicted) == 1 else None


def one_class_in_words(arm: str, name: str) -> str:
    """Return the message that an arm predicts only one class."""
    return f"The {arm} always answers {name!r}: it has only learnt which class is most common."


def residuals(outputs: Tensor, targets: Tensor) -> dict[str, Any]:
    """Return true and predicted values of one model, (N, 1) each, in standardised units."""
    return {
        "true": targets[:MOST_ROWS, 0].tolist(),
        "predicted": outputs[:MOST_ROWS, 0].tolist(),
    }


def picture_of(pixels: Tensor) -> str | None:
    """Return an image (C, H, W) uint8 as PNG in base64; None for a row of a table."""
    if pixels.dim() != 3 or pixels.dtype != torch.uint8:
        return None
    array = pixels.permute(1, 2, 0).numpy()
    file = BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
