"""Several labels per row: metrics, trivial answers, checks, splits, and names of scorers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, roc_auc_score

from tests.cases.colours import CASE, LABELS, load, mixed
from tuner.case.metric import EXACT_MATCH, JACCARD, MACRO_F1
from tuner.case.scorers import make_metric, named, names_for
from tuner.case.trivial import trivial
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.folders import Folders
from tuner.data.splits import GroupFolds, Holdout, KFold, folds
from tuner.errors import CaseError, DataError, UsageError
from tuner.training.losses import Loss


def outputs_and_targets(rows: int = 40, labels: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    targets = (torch.rand(rows, labels, generator=random) < 0.4).long()
    outputs = torch.randn(rows, labels, generator=random) + 1.5 * targets - 0.7
    outputs[0], targets[0] = -1.0, 0  # nothing predicted, and no label true
    return outputs, targets


def test_metrics_are_those_of_scikit_learn() -> None:
    outputs, targets = outputs_and_targets()
    truth, said = targets.numpy(), (outputs > 0).long().numpy()
    assert EXACT_MATCH.score(outputs, targets).item() == pytest.approx(accuracy_score(truth, said))
    assert MACRO_F1.score(outputs, targets).item() == pytest.approx(
        f1_score(truth, said, average="macro")
    )
    samples = jaccard_score(truth, said, average="samples", zero_division=1)
    assert JACCARD.score(outputs, targets).item() == pytest.approx(samples)


@pytest.mark.parametrize("metric", [JACCARD, EXACT_MATCH])
def test_the_loss_of_rows_is_what_the_score_lacks(metric: Any) -> None:
    outputs, targets = outputs_and_targets()
    lost = metric.rows(outputs.double(), targets)
    assert lost.mean().item() == pytest.approx(1 - metric.score(outputs, targets).item())
    as_arrays = metric.rows(outputs.numpy(), targets.numpy())
    np.testing.assert_allclose(as_arrays, lost.numpy(), rtol=1e-6)
    assert lost[0] == 0


def test_macro_f1_leaves_out_labels_without_a_row() -> None:
    outputs = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
    assert MACRO_F1.score(outputs, torch.tensor([[1, 0], [0, 0]])).item() == 1.0


def test_the_trivial_answer_is_the_best_constant_one() -> None:
    targets = torch.tensor([[1, 0, 0]] * 6 + [[1, 1, 0]] * 4)
    score, loss = trivial("multilabel", targets)
    assert score == pytest.approx((6 + 4 / 2) / 10)  # always the first label
    shares = torch.tensor([1.0, 0.4, 0.0]).double()
    entropy = -(shares.xlogy(shares) + (1 - shares).xlogy(1 - shares)).mean()
    assert loss == pytest.approx(entropy.item())


def test_the_loss_is_binary_cross_entropy_with_smoothed_labels() -> None:
    data = load(Folders())
    outputs, targets = outputs_and_targets(labels=3)
    for smoothing in (0.0, 0.2):
        hyperparameters = CASE.hyperparameters(
            {**{f: getattr(CASE.baseline, f) for f in CASE.baseline.__dataclass_fields__}}
            | {"label_smoothing": smoothing}
        )
        loss = Loss(CASE, hyperparameters, data, (), torch.device("cpu"))(outputs, targets)
        wanted = targets * (1 - smoothing) + smoothing / 2
        by_hand = -(wanted * outputs.sigmoid().log() + (1 - wanted) * (-outputs).sigmoid().log())
        assert loss.item() == pytest.approx(by_hand.mean().item(), rel=1e-5)


def test_scorers_of_labels_have_their_names() -> None:
    outputs, targets = outputs_and_targets()
    found = named("roc_auc", "multilabel").score(outputs, targets).item()
    assert found == pytest.approx(roc_auc_score(targets.numpy(), outputs.sigmoid().numpy()))
    assert {"f1_micro", "average_precision", "jaccard", "exact_match"} <= set(
        names_for("multilabel")
    )
    assert not {"accuracy", "log_loss", "mae", "r2", "top_k_accuracy"} & set(
        names_for("multilabel")
    )
    with pytest.raises(UsageError, match="no metric 'accuracy' of a multilabel"):
        named("accuracy", "multilabel")


def test_a_function_gets_labels_as_scikit_learn_has_them() -> None:
    seen: list[Any] = []

    def kept(truth: Any, said: Any) -> float:
        seen.append((truth, said))
        return 1.0

    outputs, targets = outputs_and_targets()
    make_metric(kept).score(outputs, targets)
    make_metric(kept, needs="probability").score(outputs, targets)
    assert seen[0][0].tolist() == targets.tolist()
    assert seen[0][1].tolist() == (outputs > 0).long().tolist()
    np.testing.assert_allclose(seen[1][1], outputs.double().sigmoid().numpy())


def made(targets: torch.Tensor, classes: tuple[str, ...] = LABELS, scheme: Any = None) -> Any:
    rows = Examples(features=torch.randn(len(targets), 2), targets=targets)
    return make_dataset(
        name="mine",
        source="a test",
        development=rows,
        test=rows,
        validation=scheme or KFold(2),
        classes=classes,
        columns=("x", "y"),
    )


@pytest.mark.parametrize(
    ("targets", "classes", "said"),
    [
        (torch.ones(8, 2).long(), LABELS, r"of shape \(8, 2\); .* or of \(N, 3\)"),
        (torch.arange(24).view(8, 3), LABELS, "hold other numbers than 0 and 1"),
        (torch.rand(8, 3), LABELS, "torch.float32 of shape"),
        (torch.tensor([[0], [1]] * 4), ("one",), "there is one label"),
        (torch.tensor([[0, 1, 0], [1, 1, 0]] * 4), LABELS, "no development rows of class blue"),
        (torch.tensor([[1, 1, 1]] * 8), LABELS, "all development rows have the same target"),
    ],
)
def test_labels_are_checked(targets: torch.Tensor, classes: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        made(targets, classes)


def test_data_knows_its_task() -> None:
    data = load(Folders())
    assert data.task == "multilabel"
    assert data.outputs == 3
    assert data.findings is not None
    assert data.findings.development == dict(
        zip(LABELS, data.development.targets.sum(dim=0).tolist(), strict=True)
    )
    with pytest.raises(CaseError, match="its task is classification, and its data, with 3 class"):
        CASE.__class__(
            name="other",
            task="classification",
            baseline=CASE.baseline,
            recipe=CASE.recipe,
            suggest=CASE.suggest,
            load=load,
            build=CASE.build,
        ).dataset(Folders())


def test_what_hardly_any_row_has_is_said() -> None:
    targets = torch.tensor([[1, 0, 1], [1, 1, 0]] * 20 + [[0, 1, 1]])
    told = made(targets).findings.remarks()
    assert any("97.6 % of the development rows have the label 'red'" in one for one in told)
    assert not any("classes are uneven" in one for one in told)


@pytest.mark.parametrize("scheme", [KFold(4), Holdout(25), GroupFolds(4)])
def test_rare_labels_are_spread_over_the_parts(scheme: Any) -> None:
    targets = torch.zeros(100, 3, dtype=torch.int64)
    targets[:70, 0], targets[40:, 1], targets[::9, 2] = 1, 1, 1  # the last has 12 rows
    rows = Examples(features=torch.zeros(100, 1), targets=targets, groups=torch.arange(100))
    for fold in folds(rows, scheme, 0):
        assert 2 <= int(targets[fold.validation, 2].sum()) <= 4
    again = folds(rows, scheme, 0)
    assert torch.equal(again[0].validation, folds(rows, scheme, 0)[0].validation)


@pytest.mark.parametrize("alone", [1, 2])
def test_sets_of_one_row_do_not_hinder_a_split(alone: int) -> None:
    targets = torch.zeros(30, 3, dtype=torch.int64)
    targets[:, 0] = 1
    targets[range(alone), range(1, alone + 1)] = 1
    rows = Examples(features=torch.zeros(30, 1), targets=targets)
    (fold,) = folds(rows, Holdout(10), 0)
    assert len(fold.validation) == 10


def test_strata_are_the_rarest_label_of_a_row() -> None:
    targets = torch.tensor([[1, 1], [1, 0], [1, 0], [1, 1], [0, 0], [0, 0]])
    found = Examples(features=torch.zeros(6, 1), targets=targets).strata()
    assert found is not None
    assert found.tolist() == [1, 0, 0, 1, 2, 2]
    assert Examples(features=torch.zeros(6, 1), targets=torch.rand(6, 1)).strata() is None
    assert mixed(20, 0).strata() is not None
