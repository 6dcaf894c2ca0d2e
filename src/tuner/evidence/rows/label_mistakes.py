"""Errors on the test split of models with several labels per row: by label, and by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tuner.evidence.rows.mistakes import (
    MOST_MISTAKES,
    MOST_SUSPECTS,
    doubtful,
    mistake,
    sure_answers,
    suspect,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.data.examples import Examples

NO_LABEL = "no label"


def label_mistakes(
    outputs: Sequence[Tensor], test: Examples, classes: Sequence[str]
) -> dict[str, Any]:
    """Return how often each label is found and falsely predicted, and the most confident errors.

    Args:
        outputs: logits (N, labels) of each model; the errors listed are those of the first.
    """
    truth, said = test.targets > 0, torch.stack(list(outputs)) > 0
    has = truth.sum(dim=0) * len(outputs)
    claimed, right = said.sum(dim=(0, 1)), (said & truth).sum(dim=(0, 1))
    shares = outputs[0].double().sigmoid()
    doubts = torch.where(said[0] == truth, 0.0, (shares - 0.5).abs() + 0.5)
    worst = doubts.amax(dim=1)
    wrong = (worst > 0).nonzero().flatten()
    ranked = wrong[worst[wrong].argsort(descending=True, stable=True)][:MOST_MISTAKES]
    answers = said.flatten(end_dim=1).unique(dim=0)
    return {
        "classes": list(classes),
        "models": len(outputs),
        "labels": [
            {"label": name, "rows": int(a), "said": int(b), "right": int(c)}
            for name, a, b, c in zip(classes, has, claimed, right, strict=True)
        ],
        "one_class": _named(answers[0], classes) if len(answers) == 1 else None,
        "mistakes": [
            mistake(
                test,
                row,
                _named(truth[row], classes),
                _named(said[0][row], classes),
                float(worst[row]),
            )
            for row in ranked.tolist()
        ],
        "suspects": suspect_labels(outputs, test, classes),
        "sure": sure_answers(_questions(outputs)),
    }


def suspect_labels(
    outputs: Sequence[Tensor], test: Examples, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return labels of test rows that nearly all models contradict, the most doubtful first.

    Each label of each row is a yes-or-no question; `mistakes.doubtful` decides which are suspect.

    Args:
        outputs: logits (N, labels) of each model; none of the models was trained on these rows.
    """
    found = doubtful(_questions(outputs), test.targets.flatten())
    listed = []
    for one in found[:MOST_SUSPECTS]:
        row, place = divmod(one.row, len(classes))
        label, said = (
            f"{classes[place]}: {'yes' if yes else 'no'}" for yes in (one.label, one.said)
        )
        listed.append(suspect(test, row, label, said, one))
    return listed


def _questions(outputs: Sequence[Tensor]) -> Tensor:
    """Return probabilities of no and yes, (models, N x labels, 2), from logits (N, labels)."""
    yes = torch.stack([one.double().sigmoid().flatten() for one in outputs])
    return torch.stack([1 - yes, yes], dim=2)


def _named(chosen: Tensor, classes: Sequence[str]) -> str:
    return ", ".join(classes[n] for n in chosen.nonzero().flatten().tolist()) or NO_LABEL
