"""Metrics by name, including scikit-learn's scorers that fit a task, and users' functions.

A scorer is called as scikit-learn documents it, with a model, features and targets. The model is a
stand-in that returns the outputs of a network. Nothing private of the scorer is read.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from tuner.case.metric import (
    BRIER,
    METRICS,
    METRICS_OF,
    SPREAD_OF_SQUARED_ERROR,
    Direction,
    Metric,
)
from tuner.errors import CaseError, TrainingError, UsageError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from tuner.case.metric import Task

    Values = NDArray[np.generic]

Needs = Literal["class", "probability", "number"]
NEGATED = "neg_"  # scikit-learn's prefix for a loss with its sign changed
OURS = {  # metrics over the classes that have rows, or with a loss for each row
    "f1_macro": "macro_f1",
    "neg_brier_score": "brier_score",
    "neg_log_loss": "log_loss",
    "neg_mean_absolute_error": "mae",
    "neg_mean_squared_error": "mse",
}
TITLES = {
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "matthews_corrcoef": "Matthews correlation",
    "r2": "R²",
    "roc_auc": "ROC AUC",
    "roc_auc_ovo": "ROC AUC (one vs one)",
    "roc_auc_ovr": "ROC AUC (one vs rest)",
    "root_mean_squared_error": "RMSE",
}
PER_CENT = ("balanced_accuracy", "f1", "jaccard", "precision", "recall", "top_k_accuracy")
UNBOUNDED = ("positive_likelihood_ratio", "mutual_info_score")  # have no best score
# In standardised units, like the mean squared error; and those without units.
STANDARDISED = ("root_mean_squared_error", "r2", "explained_variance", "max_error")
OF_A_USER = re.compile(r"(?P<title>.+) \((?P<direction>maximize|minimize)\)", re.DOTALL)


class _Said:
    """A stand-in for a model; it returns outputs that are already known.

    Attributes:
        asked: names of the methods that were called.
    """

    def __init__(self, task: Task, values: Values, classes: int) -> None:
        import numpy as np

        self._estimator_type = "regressor" if task == "regression" else "classifier"
        self._values, self._task = values, task
        # For labels an identity matrix: scikit-learn's `type_of_target` takes it for labels.
        labels = task == "multilabel"
        self.classes_ = np.eye(classes, dtype=int) if labels else np.arange(classes)
        self.asked: set[str] = set()

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        kind: Any = self._estimator_type
        classifier = kind == "classifier"
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if classifier else None,
            regressor_tags=None if classifier else RegressorTags(),
        )

    def fit(self, features: object, targets: object) -> _Said:
        """Do nothing; scikit-learn requires the method."""
        del features, targets
        return self

    def predict(self, _features: object) -> Values:
        """Return classes (N,), labels (N, classes) of 0 and 1, or numbers (N,)."""
        self.asked.add("predict")
        return _decided(self._values, self._task)

    def predict_proba(self, _features: object) -> Values:
        """Return probabilities (N, classes)."""
        self.asked.add("predict_proba")
        return self._values


@dataclass(frozen=True, slots=True)
class _Scorer:
    """A scorer of scikit-learn as the `compute` of a metric."""

    name: str
    task: Task

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        values, truth = _as_arrays(outputs, targets)
        said = _Said(self.task, values, outputs.shape[1])
        return _computed(self.name, lambda: _score(self.name, said, truth), values)


@dataclass(frozen=True, slots=True)
class _Own:
    """A user's function as the `compute` of a metric."""

    function: Callable[[Any, Any], float]
    title: str
    needs: Needs

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        values, truth = _as_arrays(outputs, targets)
        if self.needs == "class":
            values = _decided(values, "multilabel" if truth.ndim == 2 else "classification")
        return _computed(self.title, lambda: self.function(truth, values), values)


@dataclass(frozen=True, slots=True)
class _OnlyNamed:
    """A user's metric known only by its stored name; its function is in the case's file."""

    name: str

    def __call__(self, _outputs: Tensor, _targets: Tensor) -> Tensor:
        raise TrainingError(f"{self.name} is computed by the case's own file; name it with --case")


def make_metric(
    function: Callable[[Any, Any], float],
    *,
    direction: Direction = "maximize",
    needs: Needs = "class",
    name: str = "",
) -> Metric:
    """Make a metric from a function, for `Case(metrics=...)`.

    The function is called like those in `sklearn.metrics`, with the truth and a model's predictions
    for the same rows, and returns a number. For classes, the truth is (N,) integers, the indices of
    the classes; for labels, (N, labels) of 0 and 1. For a regression, both are (N,) numbers in the
    target's own units.

    >>> import numpy
    >>> def caught(truth, guess):
    ...     return 10 * ((truth == 1) & (guess == 1)).sum() - (guess == 1).sum()
    >>> caught(numpy.array([0, 1, 1]), numpy.array([1, 1, 0]))
    np.int64(8)
    >>> make_metric(caught).name
    'caught (maximize)'

    Args:
        function: (truth, predictions) -> a number. It must not change its arguments.
        direction: in which scores are better.
        needs: the predictions that it takes: for a classification the most likely "class" (N,), or
            the "probability" of each class (N, classes); for a regression "number".
        name: empty for the function's own.

    Raises:
        CaseError: `direction` or `needs` is not one of these words, or there is no name.
    """
    title = name or str(getattr(function, "__name__", ""))
    for what, got, known in (
        ("direction", direction, get_args(Direction)),
        ("needs", needs, get_args(Needs)),
    ):
        if got not in known:
            raise CaseError(f"make_metric: {what} is {got!r}; it has to be {' or '.join(known)}")
    given: object = function
    if not callable(given) or title in {"", "<lambda>"}:
        raise CaseError("make_metric: give a function, and name=... where it has no name")
    return _of_user(title, direction, _Own(function, title, needs), needs == "probability")


def metric_from(given: object, task: Task) -> Metric:
    """Return the metric that a case or a person gives: a metric, a name, or a function.

    Raises:
        UsageError: no metric of this task has this name.
        CaseError: it is something else.
    """
    if isinstance(given, Metric):
        return given
    if isinstance(given, str):
        return named(given, task)
    if callable(given):
        return make_metric(given)
    raise CaseError(
        f"metrics has {given!r}; give names such as {METRICS_OF[task][0].name!r}, or functions"
    )


def named(name: str, task: Task) -> Metric:
    """Return a metric of a task by its name.

    Raises:
        UsageError: no metric has it; the message suggests the nearest names.
    """
    found = _known(name, task)
    if found is None:
        names = names_for(task)
        near = get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else "."
        other = any(_known(name, one) for one in METRICS_OF if one != task)
        kind = f"no metric '{name}' of a {task}" if other else f"no metric '{name}'"
        raise UsageError(f"{kind}{hint} The metrics of a {task} are {', '.join(names)}")
    return found


@lru_cache
def names_for(task: Task) -> tuple[str, ...]:
    """Return the names of all metrics that fit a task, as a person may type them."""
    from sklearn.metrics import get_scorer_names

    ours = [one for one in METRICS if _fits_ours(one, task)]
    return tuple(sorted({*ours, *(one for one in get_scorer_names() if _known(one, task))}))


def stored(name: str, task: Task | None = None) -> Metric | None:
    """Return the metric that a study of a task stores under a name; None if there is none."""
    if own := OF_A_USER.fullmatch(name):
        direction: Any = own["direction"]
        return _of_user(own["title"], direction, _OnlyNamed(own["title"]), probability=False)
    tasks = METRICS_OF if task is None else (task,)
    return next((found for one in tasks if (found := _known(name, one))), None)


@lru_cache
def _known(name: str, task: Task) -> Metric | None:
    from sklearn.metrics import get_scorer_names

    listed = get_scorer_names()
    scorer = name if name in listed else f"{NEGATED}{name}"
    own = OURS.get(scorer, name)
    if own in METRICS:
        return METRICS[own] if _fits_ours(own, task) else None
    if scorer not in listed:
        return None
    asked = _asked(scorer, task)
    return None if asked is None else _of_scorer(scorer, task, "predict_proba" in asked)


def _fits_ours(name: str, task: Task) -> bool:
    fitting: dict[Task, set[str]] = {
        "classification": {"accuracy", "macro_f1", "log_loss", "brier_score"},
        "multilabel": {"jaccard", "exact_match", "macro_f1"},
        "regression": {"mae", "mse"},
    }
    return name in fitting[task]


def _asked(scorer: str, task: Task) -> set[str] | None:
    """Return which methods of a model a scorer calls, by trying it; None if it does not fit."""
    import numpy as np

    if task == "regression":
        truth = np.array([1.5, 2.25, 3.5])
        said = _Said(task, truth + 0.25, 1)
    elif task == "multilabel":
        truth = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 0], [0, 1, 1]])
        said = _Said(
            task, np.array([[0.7, 0.3, 0.6], [0.6, 0.4, 0.2], [0.2, 0.8, 0.4], [0.9] * 3]), 3
        )
    else:
        truth = np.array([0, 1, 1, 0])
        said = _Said(task, np.array([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.9, 0.1]]), 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            score = _score(scorer, said, truth)
    except Exception:  # whatever scikit-learn raises for targets of the wrong kind
        return None
    if task != "regression" and _asked(scorer, "regression") is not None:
        return None  # it would treat the numbers of classes as quantities
    return said.asked if np.isfinite(score) else None


def _score(scorer: str, said: _Said, truth: Values) -> float:
    from sklearn.metrics import get_scorer

    score = float(get_scorer(scorer)(said, truth[:, None], truth))
    return -score if scorer.startswith(NEGATED) else score


def _of_scorer(scorer: str, task: Task, probability: bool) -> Metric:
    name = scorer.removeprefix(NEGATED)
    title = TITLES.get(name, name.removesuffix("_score").replace("_", " "))
    less = scorer.startswith(NEGATED)
    relative = name in {"r2", "explained_variance"} or name.startswith("d2_")
    signed = name.startswith(("adjusted", "matthews")) or name in UNBOUNDED
    share = task != "regression" and not less and not signed
    return Metric(
        name=name,
        title=title,
        loss_title=title if less else f"1 − {title}",  # noqa: RUF001  # a true minus sign
        direction="minimize" if less else "maximize",
        perfect=None if name in UNBOUNDED else 0.0 if less else 1.0,
        per_cent=name.startswith(PER_CENT),
        spread=None if share and not relative else SPREAD_OF_SQUARED_ERROR if relative else 1.0,
        compute=_Scorer(scorer, task),
        rows=None,
        needs_probability=probability,
        own_units=task == "regression" and name not in STANDARDISED,
        surrogate=BRIER if task == "classification" and not probability else None,
    )


def _of_user(title: str, direction: Direction, compute: Any, probability: bool) -> Metric:
    """Return a metric whose format follows from its name, which is all that a report knows."""
    return Metric(
        name=f"{title} ({direction})",
        title=title,
        loss_title=title if direction == "minimize" else f"−{title}",  # noqa: RUF001
        direction=direction,
        perfect=None,
        per_cent=False,
        spread=1.0,
        compute=compute,
        rows=None,
        needs_probability=probability,
        own_units=True,
    )


def _as_arrays(outputs: Tensor, targets: Tensor) -> tuple[Values, Values]:
    """Return probabilities (N, classes) or numbers (N,), and the truth (N,) or (N, labels)."""
    truth = targets.detach().cpu()
    said = outputs.detach().cpu().double()
    if targets.is_floating_point():
        return said[:, 0].numpy(), truth.flatten().numpy().astype("float64")
    return (said.softmax(dim=1) if truth.dim() == 1 else said.sigmoid()).numpy(), truth.numpy()


def _decided(values: Values, task: Task) -> Values:
    """Return the most likely class (N,), labels (N, L), or numbers unchanged."""
    if task == "multilabel":
        labels: Values = (values > 0.5).astype(int)  # type: ignore[operator]
        return labels
    return values.argmax(axis=1) if values.ndim == 2 else values


def _computed(name: str, compute: Callable[[], float], values: Values) -> Tensor:
    """Compute a score; errors name the metric. The score is nan if a prediction is not finite.

    Raises:
        TrainingError: it cannot be computed on these rows.
    """
    import numpy as np
    import torch

    rows = len(values)
    if not np.isfinite(values).all():
        return torch.tensor(float("nan"), dtype=torch.float64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about classes that are never predicted
            score = float(compute())
    except Exception as error:
        kind = type(error).__name__
        reason = first_line(error) or kind
        raise TrainingError(f"{name} cannot be computed on {rows} rows: {reason}") from error
    if score != score:
        raise TrainingError(
            f"{name} is not defined on {rows} rows, as where a class has none; validate on more "
            "rows, or choose another metric"
        )
    return torch.tensor(score, dtype=torch.float64)
