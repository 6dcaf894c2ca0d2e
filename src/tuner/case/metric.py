"""Metrics: each is one value that knows everything that depends on the choice of a metric.

No other module compares names of metrics. Instead it asks the metric: which direction is better,
how is a score written, what is the score of these rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tuner.case import formulas
from tuner.errors import StoreError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    OfModel = Callable[[Tensor, Tensor], Tensor]

Direction = Literal["maximize", "minimize"]
Task = Literal["classification", "multilabel", "regression"]
LOOP = "loop"  # takes the place of the task for a user's own loop, which reports its score

# Standard deviation of the absolute value of a normally distributed error, as a share of its mean;
# and the same for its square.
SPREAD_OF_ABSOLUTE_ERROR = math.sqrt(math.pi / 2 - 1)
SPREAD_OF_SQUARED_ERROR = math.sqrt(2)


def sign_of(direction: Direction) -> Literal[1, -1]:
    """Return 1 if a higher score is better, -1 if a lower one is."""
    return 1 if direction == "maximize" else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A score of a model on rows.

    Attributes:
        name: under which a study stores it.
        title: as a person writes it.
        loss_title: name of the result of `loss`.
        direction: in which scores are better.
        perfect: the best possible score; None if there is none.
        per_cent: whether it is a share that is written in per cent.
        spread: standard deviation of a row's loss as a share of the mean loss; None if rows are
            either right or wrong.
        compute: (outputs, targets) -> the score, a tensor of no dimensions.
        rows: (outputs, targets) -> the loss of each row, (N,); None if rows have none. It accepts
            NumPy's arrays too, unless it needs probabilities.
        needs_probability: whether it needs probabilities instead of the most likely class.
        own_units: whether it takes numbers in the target's own units instead of standardised ones.
        of_target: name of a score in the units of the target; None if it has other units.
        surrogate: a score of the same outputs that distinguishes models with fewer rows, because it
            counts how sure they are and not only whether they are right; None to use this metric.
    """

    name: str
    title: str
    loss_title: str
    direction: Direction
    perfect: float | None
    per_cent: bool
    spread: float | None
    compute: OfModel
    rows: OfModel | None
    needs_probability: bool = False
    own_units: bool = False
    of_target: str | None = None
    surrogate: Metric | None = None

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the score of a model, a tensor of no dimensions.

        Args:
            outputs: logits (N, classes), or numbers (N, 1).
            targets: classes (N,), labels (N, classes) of 0 and 1, or numbers (N, 1) in the units of
                `outputs`.
        """
        return self.compute(outputs, targets)

    def by_row(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Return the loss of each row (N,): 1 if it is wrong, or its absolute or squared error.

        None for a metric that is defined only for many rows together. Arguments as in `score`.
        """
        return None if self.rows is None else self.rows(outputs, targets)

    @property
    def sign(self) -> Literal[1, -1]:
        """1 if a higher score is better, -1 if a lower one is."""
        return sign_of(self.direction)

    def better(self, score: float, other: float) -> bool:
        """Whether `score` is better than `other`; nothing is better or worse than nan."""
        return self.sign * score > self.sign * other

    def loss(self, score: float) -> float:
        """Convert a score so that lower is better, and 0 is perfect if there is a perfect score.

        Accuracy becomes the error; a profit becomes a loss, below zero.
        """
        return -self.sign * (score - (self.perfect or 0.0))

    def standard_error(self, loss: float, rows: int) -> float:
        """Return the standard error of a mean loss over a number of rows."""
        if self.spread is None:
            # No errors in n rows do not prove that there never are: count half a wrong row more
            # (Jeffreys).
            share = (loss * rows + 0.5) / (rows + 1)
            return math.sqrt(share * (1 - share) / rows)
        return self.spread * loss / math.sqrt(rows)

    @property
    def level_title(self) -> str:
        """Name of a model's level in a sentence: its error or loss, else the score."""
        return self.title if self.rows is None else self.loss_title

    @property
    def factor(self) -> Literal[1, 100]:
        """Factor by which a score, loss or difference is multiplied for writing."""
        return 100 if self.per_cent else 1

    @property
    def unit(self) -> str:
        """Unit written after a score or a loss."""
        return " %" if self.per_cent else ""

    @property
    def unit_of_difference(self) -> str:
        """Unit written after the difference of two scores."""
        return " points" if self.per_cent else ""

    def write_difference(self, difference: float) -> str:
        """Return the difference of two scores for a sentence: 3.1 points, or 0.0096."""
        if self.per_cent:
            return f"{self.factor * difference:.1f}{self.unit_of_difference}"
        return f"{difference:.2g}"

    def variance_of_rows(self, loss: float, rows: int) -> float:
        """Return the variance of a mean loss of about this size, due to the choice of the rows."""
        return (loss * (1 - loss) if self.spread is None else (self.spread * loss) ** 2) / rows


BRIER = Metric(
    name="brier_score",
    title="Brier score",
    loss_title="Brier score",
    direction="minimize",
    perfect=0.0,
    per_cent=False,
    spread=1.0,
    compute=formulas.brier_score,
    rows=formulas.squared_distance,
    needs_probability=True,
)
ACCURACY = Metric(
    name="accuracy",
    title="accuracy",
    loss_title="error",
    direction="maximize",
    perfect=1.0,
    per_cent=True,
    spread=None,
    compute=formulas.accuracy,
    rows=formulas.is_wrong,
    surrogate=BRIER,
)
# It has no surrogate because it is also for several labels per row, which our Brier score is not.
MACRO_F1 = Metric(
    name="macro_f1",
    title="macro F1",
    loss_title="1 − macro F1",  # noqa: RUF001  # a true minus sign
    direction="maximize",
    perfect=1.0,
    per_cent=True,
    spread=None,
    compute=formulas.macro_f1,
    rows=None,
)
MAE = Metric(
    name="mae",
    title="MAE",
    loss_title="MAE",
    direction="minimize",
    perfect=0.0,
    per_cent=False,
    spread=SPREAD_OF_ABSOLUTE_ERROR,
    compute=formulas.mean_absolute_error,
    rows=formulas.absolute_error,
    of_target="mean absolute error",
)
MSE = Metric(
    name="mse",
    title="MSE",
    loss_title="MSE",
    direction="minimize",
    perfect=0.0,
    per_cent=False,
    spread=SPREAD_OF_SQUARED_ERROR,
    compute=formulas.mean_squared_error,
    rows=formulas.squared_error,
)
LOG_LOSS = Metric(
    name="log_loss",
    title="log loss",
    loss_title="log loss",
    direction="minimize",
    perfect=0.0,
    per_cent=False,
    spread=1.0,
    compute=formulas.log_loss,
    rows=formulas.surprise,
    needs_probability=True,
)
# For several labels per row; Godbole & Sarawagi 2004, "Discriminative Methods for Multi-labeled
# Classification", section 4.1, call it accuracy. Its losses are between 0 and 1, so their variance
# is at most that of losses that are 0 or 1.
JACCARD = Metric(
    name="jaccard",
    title="Jaccard index",
    loss_title="1 − Jaccard index",  # noqa: RUF001  # a true minus sign
    direction="maximize",
    perfect=1.0,
    per_cent=True,
    spread=None,
    compute=formulas.jaccard,
    rows=formulas.not_shared,
)
EXACT_MATCH = Metric(
    name="exact_match",
    title="exact match",
    loss_title="rows with a wrong label",
    direction="maximize",
    perfect=1.0,
    per_cent=True,
    spread=None,
    compute=formulas.exact_match,
    rows=formulas.differs,
)
_OURS = (ACCURACY, MACRO_F1, LOG_LOSS, BRIER, JACCARD, EXACT_MATCH, MAE, MSE)
METRICS = {one.name: one for one in _OURS}
METRICS_OF: dict[Task, tuple[Metric, ...]] = {  # the first is the default; all are reported
    "classification": (ACCURACY, MACRO_F1),
    "multilabel": (JACCARD, EXACT_MATCH, MACRO_F1),
    "regression": (MAE, MSE),
}


def metric_named(name: str, task: Task | None = None) -> Metric:
    """Return the metric that a study names: tuner's, scikit-learn's, or a user's to be read.

    Args:
        task: of the study; None for the first task that has a metric of this name.

    Raises:
        StoreError: no metric has this name.
    """
    if name in METRICS:
        return METRICS[name]
    from tuner.case.scorers import stored  # imports scikit-learn for its names only

    if (found := stored(name, task)) is None:
        raise StoreError(
            f"this study is scored by {name!r}, which this version of tuner does not know; it "
            f"knows {', '.join(METRICS)} and the scorers of scikit-learn. Use the version that "
            "made the study"
        )
    return found


def reported_metric(name: str, direction: Direction) -> Metric:
    """Return the metric of a loop, which reports its score as a number."""

    def refuse(outputs: Tensor, targets: Tensor) -> Tensor:
        raise TypeError(
            f"{name} is reported by a loop; it cannot be computed of outputs {outputs.shape} and "
            f"targets {targets.shape}"
        )

    return Metric(
        name=name,
        title=name,
        loss_title=name if direction == "minimize" else f"−{name}",  # noqa: RUF001 - a minus sign
        direction=direction,
        perfect=None,
        per_cent=False,
        spread=None,
        compute=refuse,
        rows=None,
    )


def metric_of(facts: Mapping[str, Any]) -> Metric:
    """Return the metric that a study was made with.

    Raises:
        StoreError: this version of tuner does not know it.
    """
    if facts.get("task") == LOOP:
        return reported_metric(facts["metric"], facts["direction"])
    return metric_named(facts["metric"], facts.get("task"))


def scores(
    metrics: Sequence[Metric],
    outputs: Tensor,
    targets: Tensor,
    undo: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, float]:
    """Score a model by several metrics, by name; nan if one is undefined for these rows.

    Args:
        outputs: as in `Metric.score`; so are the targets.
        undo: converts standardised numbers to the target's own units; None if there are none.
    """
    found = {}
    for metric in metrics:
        pair = outputs, targets
        if metric.own_units and undo is not None:
            pair = undo(outputs), undo(targets)
        try:
            found[metric.name] = metric.score(*pair).item()
        except TrainingError:
            found[metric.name] = math.nan
    return found
