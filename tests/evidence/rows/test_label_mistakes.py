"""Errors with several labels: counts by label, the worst rows, labels that look wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tuner.case.metric import JACCARD, MACRO_F1, Metric
from tuner.case.scorers import named
from tuner.data.examples import Examples
from tuner.evidence.rows.label_mistakes import label_mistakes
from tuner.evidence.rows.moments import losses, moments
from tuner.evidence.rows.predictions import Predictions, packed, unpacked
from tuner.report.sections.errors import errors_section

NAMES = ("red", "green")


def test_labels_are_counted_over_all_models() -> None:
    targets = torch.tensor([[1, 0], [1, 1], [0, 0]])
    sure = torch.tensor([[5.0, -5.0], [5.0, 5.0], [-5.0, -5.0]])
    unsure = torch.tensor([[-1.0, -5.0], [5.0, 5.0], [-5.0, 3.0]])
    pixels = torch.zeros(3, 3, 2, 2, dtype=torch.uint8)
    test = Examples(features=pixels, targets=targets, names=("a", "b", "c"))
    found = label_mistakes([unsure, sure], test, NAMES)
    assert found["labels"] == [
        {"label": "red", "rows": 4, "said": 3, "right": 3},
        {"label": "green", "rows": 2, "said": 3, "right": 2},
    ]
    worst, other = found["mistakes"]
    assert (worst["file"], worst["true"], worst["predicted"]) == ("c", "no label", "green")
    assert worst["probability"] == pytest.approx(torch.tensor(3.0).sigmoid().item())
    assert (other["file"], other["true"], other["predicted"]) == ("a", "red", "no label")
    assert worst["png"] is not None
    assert found["one_class"] is None
    text = errors_section({"mistakes": found}, ())
    assert "Missed most often: `red` 1 times." in text
    assert "Predicted wrongly most often: `green` 1 times." in text
    assert "| 1 | `red` | 4 | 75.0 % | 3 | 100.0 % |" in text


def test_always_the_same_labels_is_said() -> None:
    test = Examples(features=torch.zeros(3, 1), targets=torch.tensor([[1, 0], [0, 1], [1, 1]]))
    found = label_mistakes([torch.ones(3, 2)] * 2, test, NAMES)
    assert found["one_class"] == "red, green"
    assert "It always answers" in errors_section({"mistakes": found}, ())


def test_a_label_that_all_contradict_is_suspect() -> None:
    random = torch.Generator().manual_seed(0)
    targets = (torch.rand(60, 2, generator=random) < 0.5).long()
    outputs = 8.0 * targets - 4
    targets[7, 1] = 1 - targets[7, 1]  # the label is wrong, and the models know
    test = Examples(features=torch.zeros(60, 1), targets=targets)
    (one,) = label_mistakes([outputs] * 10, test, NAMES)["suspects"]
    assert one["row"] == 7
    assert one["label"].startswith("green: ")
    assert one["said"] != one["label"]
    assert one["models"] == 10


@pytest.mark.parametrize("probable", [False, True])
def test_kept_predictions_give_the_same_losses(probable: bool) -> None:
    random = torch.Generator().manual_seed(1)
    outputs = torch.randn(3, 50, 4, generator=random)
    targets = (torch.rand(50, 4, generator=random) < 0.5).long()
    shares = unpacked(packed(outputs.sigmoid().numpy())) if probable else None
    kept = Predictions((1, 2, 3), unpacked(packed((outputs > 0).long().numpy())), shares)
    found = losses(JACCARD, kept, targets.numpy())
    assert found is not None
    scores = [JACCARD.score(one, targets).item() for one in outputs]
    np.testing.assert_allclose(1 - found.mean(axis=1), scores, rtol=1e-6)


@pytest.mark.parametrize(
    "metric", [MACRO_F1, pytest.param(named("roc_auc", "multilabel"), marks=pytest.mark.slow)]
)
def test_other_metrics_are_computed_on_rows_drawn_again(metric: Metric) -> None:
    random = torch.Generator().manual_seed(2)
    targets = (torch.rand(80, 3, generator=random) < 0.5).long()
    arms = []
    for strength in (0.5, 2.0):
        outputs = torch.randn(6, 80, 3, generator=random) + strength * (targets - 0.5)
        said = (outputs > 0).long().numpy()
        arms.append(Predictions(tuple(range(6)), said, outputs.sigmoid().float().numpy()))
    found = moments(metric, arms[0], arms[1], targets.numpy())
    assert found is not None
    assert found.gain > 0.1
    assert found.rows == 80
    assert min(found.rest) >= 0
