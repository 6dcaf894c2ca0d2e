from __future__ import annotations

import pickle
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.multiclass import OneVsRestClassifier

from tests.making import TINY
from tests.sampling import one_in
from tuner import make_metric
from tuner.case.loading import load_case
from tuner.case.metric import ACCURACY, MAE, METRICS_OF, metric_named
from tuner.case.scorers import NEGATED, OURS, named, names_for
from tuner.errors import CaseError, StoreError, TrainingError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tuner.case.metric import Task

TINY_CASE = load_case(TINY)
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(80, 3))
CLASSES = (FEATURES @ [1.0, -1.0, 0.5] + RANDOM.normal(size=80) > 0).astype(np.int64)
NUMBERS = 2 + np.exp(FEATURES @ [0.3, 0.2, 0.1] + 0.1 * RANDOM.normal(size=80))
LABELS = (FEATURES + RANDOM.normal(size=(80, 3)) > 0).astype(np.int64)
TARGETS: dict[Task, NDArray[Any]] = {
    "classification": CLASSES,
    "multilabel": LABELS,
    "regression": NUMBERS,
}


def fitted(task: Task) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """Return a scikit-learn model, its outputs in the form that a network has, and the targets."""
    if task == "classification":
        model = LogisticRegression().fit(FEATURES, CLASSES)
        outputs = torch.from_numpy(np.log(model.predict_proba(FEATURES)))
        return model, outputs, torch.from_numpy(CLASSES)
    if task == "multilabel":
        model = OneVsRestClassifier(LogisticRegression()).fit(FEATURES, LABELS)
        shares = torch.from_numpy(model.predict_proba(FEATURES))
        return model, shares.logit(), torch.from_numpy(LABELS)
    model = LinearRegression().fit(FEATURES, NUMBERS)
    outputs = torch.from_numpy(model.predict(FEATURES))[:, None]
    return model, outputs, torch.from_numpy(NUMBERS)[:, None]


@pytest.mark.parametrize(
    ("task", "name"),
    one_in(
        3,
        [
            (task, name)
            for task in METRICS_OF
            for name in names_for(task)
            # jaccard of several labels is ours
            if name in get_scorer_names() and (task, name) != ("multilabel", "jaccard")
        ],
    ),
)
def test_a_score_is_that_of_the_scorer(task: Task, name: str) -> None:
    model, outputs, targets = fitted(task)
    metric = named(name, task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # of rows without a label
        expected = get_scorer(name)(model, FEATURES, TARGETS[task])
    score = metric.score(outputs, targets).item()
    sign = -1 if name.startswith(NEGATED) else 1
    assert sign * score == pytest.approx(expected, abs=1e-6)
    assert metric.sign == sign
    assert metric_named(metric.name, task) == metric
    assert pickle.loads(pickle.dumps(metric)) == metric


@pytest.mark.parametrize("task", METRICS_OF)
def test_many_scorers_fit_each_task(task: Task) -> None:
    wanted = {
        "classification": {"roc_auc", "f1_macro", "balanced_accuracy", "neg_log_loss", "log_loss"},
        "multilabel": {"roc_auc", "f1_macro", "f1_samples", "average_precision", "jaccard"},
        "regression": {"r2", "neg_root_mean_squared_error", "mae", "neg_mean_squared_error"},
    }
    assert wanted[task] <= set(names_for(task))


def test_tuners_own_names_stay() -> None:
    assert {named(name, "regression") for name in ("mae", "neg_mean_absolute_error")} == {MAE}
    assert set(OURS) <= set(get_scorer_names())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rocauc", "no metric 'rocauc'; did you mean roc_auc "),
        ("f1_makro", "did you mean f1_macro "),
        ("r2", "no metric 'r2' of a classification"),
        ("", "no metric ''"),
    ],
)
def test_a_bad_name_gets_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        TINY_CASE.scored_by(name)
    assert message in str(raised.value)
    assert "The metrics of a classification are accuracy, " in str(raised.value)


def profit(truth: NDArray[Any], guess: NDArray[Any]) -> float:
    return float(10 * ((truth == 1) & (guess == 1)).sum() - 4 * (guess == 1).sum())


def test_a_function_is_a_metric() -> None:
    case = replace(TINY_CASE, metrics=(profit, "roc_auc"))
    assert [one.name for one in case.metrics] == [
        "profit (maximize)",
        "roc_auc",
        "accuracy",
        "macro_f1",
    ]
    truth, outputs = torch.tensor([0, 1, 1]), torch.tensor([[0.0, 1], [0, 1], [1, 0]])
    assert case.metric.score(outputs, truth).item() == 2
    assert case.direction == "maximize"
    assert case.metric.better(2, 1)
    assert case.metric.loss(2) == -2
    named_in_study = metric_named(case.metric.name)
    assert (named_in_study.title, named_in_study.direction) == ("profit", "maximize")
    with pytest.raises(TrainingError, match="name it with --case"):
        named_in_study.score(outputs, truth)


def test_a_function_may_take_probabilities_or_be_minimised() -> None:
    seen: list[Any] = []

    def cost(truth: NDArray[Any], said: NDArray[Any]) -> float:
        seen.append((truth, said))
        return float(said[:, 1].sum())

    metric = make_metric(cost, direction="minimize", needs="probability", name="the cost")
    assert metric.score(torch.zeros(3, 2), torch.tensor([0, 1, 1])).item() == pytest.approx(1.5)
    assert seen[0][1].shape == (3, 2)
    assert metric.name == "the cost (minimize)"
    assert metric.loss(3) == 3


def test_of_a_regression_a_function_gets_numbers() -> None:
    def late(truth: NDArray[Any], said: NDArray[Any]) -> float:
        return float((truth - said).max())

    metric = make_metric(late, needs="number")
    assert metric.score(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [2.5]])).item() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": "max"}, "direction is 'max'; it has to be maximize or minimize"),
        ({"needs": "proba"}, "needs is 'proba'; it has to be class or probability or number"),
        ({"function": 3}, "give a function"),
        ({"function": lambda truth, said: 0.0}, "name=... where it has no name"),
    ],
)
def test_a_metric_that_cannot_be_made_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        make_metric(**{"function": profit, **arguments})


@pytest.mark.parametrize(
    ("metrics", "error"), [("roc_auc", CaseError), ((3,), CaseError), (("auk",), UsageError)]
)
def test_metrics_of_a_case_are_checked(metrics: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        replace(TINY_CASE, metrics=metrics)


def test_what_cannot_be_computed_says_so_and_warns_of_nothing() -> None:
    metric, outputs = named("roc_auc", "classification"), torch.rand(4, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TrainingError, match=r"roc_auc .* on 4 rows"):
            metric.score(outputs, torch.ones(4, dtype=torch.int64))
    assert metric.score(torch.full((2, 2), np.nan), torch.tensor([0, 1])).isnan()


def test_an_unknown_name_of_a_study_is_refused() -> None:
    with pytest.raises(StoreError, match="does not know"):
        metric_named("quality")


def test_a_case_can_be_scored_by_its_own_second_metric() -> None:
    case = replace(TINY_CASE, metrics=(profit,)).scored_by("profit (maximize)")
    assert case.metric.name == "profit (maximize)"
    assert case.scored_by("accuracy").metric == ACCURACY
    assert TINY_CASE.scored_by(None) == TINY_CASE


@pytest.mark.parametrize("task", METRICS_OF)
def test_a_case_can_be_scored_by_each_metric_of_its_task(task: Task) -> None:
    """Macro F1 belongs to two tasks: it must differ from the one of another task."""
    case = replace(TINY_CASE, task=task)
    assert case.metrics == METRICS_OF[task]
    for metric in METRICS_OF[task]:
        scored = case.scored_by(metric.name)
        assert scored.metric == metric
        for other in METRICS_OF.keys() - {task}:
            assert replace(scored, task=other).metrics == METRICS_OF[other]
    if task == "classification":
        assert case.scored_by("f1_macro").metric.name == "macro_f1"
