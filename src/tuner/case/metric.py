"""What a model is scored by: a metric is one value that knows all that depends on it.

No other module compares the name of a metric. It asks the metric: which way is better, how is it
written, what is its value on these rows.
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
LOOP = "loop"  # what stands for the task of a loop of the user's own, which reports its score

# Standard deviation of a normally distributed error's absolute value, as a share of its mean; and
# that of its square.
SPREAD_OF_ABSOLUTE_ERROR = math.sqrt(math.pi / 2 - 1)
SPREAD_OF_SQUARED_ERROR = math.sqrt(2)


def sign_of(direction: Direction) -> Literal[1, -1]:
    """Return 1 where more is better, -1 where less is."""
    return 1 if direction == "maximize" else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A score of a model on rows.

    Attributes:
        name: under which a study keeps it.
        title: as a person writes it.
        loss_title: of what `loss` returns.
        direction: which way is better.
        perfect: the score that cannot be beaten; None: not known.
        per_cent: whether it is a share that is written in per cent.
        spread: standard deviation of a row's loss as a share of the mean loss; None where a row is
            right or wrong.
        compute: outputs and targets -> the score, of no dimensions.
        rows: outputs and targets -> the loss of each row, (N,); None where a row has none. It
            takes NumPy's arrays as well, unless it needs probabilities.
        needs_probability: whether it asks for probabilities rather than for the likeliest class.
        own_units: whether it takes numbers in the target's own units rather than standardised.
        of_target: what a score is called in the units of the target; None: it has other units.
        surrogate: a score of the same outputs that tells models apart by fewer rows, because it
            counts how sure they are and not only whether they are right; None: this metric does.
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
        """Score a model: a tensor of no dimensions.

        Args:
            outputs: logits (N, classes), or numbers (N, 1).
            targets: classes (N,), labels (N, classes) of 0 and 1, or numbers (N, 1) in the units of
                `outputs`.
        """
        return self.compute(outputs, targets)

    def by_row(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Return the loss of each row (N,): 1 where it is wrong, or its absolute or squared error.

        None for a metric that only many rows have together. Arguments are those of `score`.
        """
        return None if self.rows is None else self.rows(outputs, targets)

    @property
    def sign(self) -> Literal[1, -1]:
        """1 where more is better, -1 where less is."""
        return sign_of(self.direction)

    def better(self, score: float, other: float) -> bool:
        """Whether `score` is better than `other`; nothing is better or worse than nan."""
        return self.sign * score > self.sign * other

    def loss(self, score: float) -> float:
        """Turn a score so that less is better, and 0 is perfect where that is known.

        Accuracy becomes the error; a profit becomes a loss, under zero.
        """
        return -self.sign * (score - (self.perfect or 0.0))

    def standard_error(self, loss: float, rows: int) -> float:
        """Return how far a mean loss over so many rows is likely to be from that over all rows."""
        if self.spread is None:
            # None wrong of n is no proof that none ever is: half a row more, wrong (Jeffreys).
            share = (loss * rows + 0.5) / (rows + 1)
            return math.sqrt(share * (1 - share) / rows)
        return self.spread * loss / math.sqrt(rows)

    @property
    def level_title(self) -> str:
        """What a sentence calls the level of a model: its error or loss, else the score."""
        return self.title if self.rows is None else self.loss_title

    @property
    def factor(self) -> Literal[1, 100]:
        """What a score, loss or difference is multiplied by to be written."""
        return 100 if self.per_cent else 1

    @property
    def unit(self) -> str:
        """What is written behind a score or a loss."""
        return " %" if self.per_cent else ""

    @property
    def unit_of_difference(self) -> str:
        """What is written behind the difference of two scores."""
        return " points" if self.per_cent else ""

    def write_difference(self, difference: float) -> str:
        """Write a difference of two scores in a sentence: 3.1 points, or 0.0096."""
        if self.per_cent:
            return f"{self.factor * difference:.1f}{self.unit_of_difference}"
        return f"{difference:.2g}"

    def variance_of_rows(self, loss: float, rows: int) -> float:
        """Return the variance that so many rows bring into a mean loss near this one."""
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
# Without a surrogate: it is also of several labels a row, which the Brier score here is not.
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
# Of several labels a row: Godbole & Sarawagi 2004, "Discriminative Methods for Multi-labeled
# Classification", section 4.1, call it accuracy. Its losses lie between 0 and 1, so their variance
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
METRICS_OF: dict[Task, tuple[Metric, ...]] = {  # the first is searched for, all are reported
    "classification": (ACCURACY, MACRO_F1),
    "multilabel": (JACCARD, EXACT_MATCH, MACRO_F1),
    "regression": (MAE, MSE),
}


def metric_named(name: str, task: Task | None = None) -> Metric:
    """Return the metric that a study names: of tuner, of scikit-learn, or a user's to be read.

    Args:
        task: of the study; None: the first that has a metric of this name.

    Raises:
        StoreError: no metric has this name.
    """
    if name in METRICS:
        return METRICS[name]
    from tuner.case.scorers import stored  # imports scikit-learn only for a name of its own

    if (found := stored(name, task)) is None:
        raise StoreError(
            f"this study is scored by {name!r}, which this version of tuner does not know; it "
            f"knows {', '.join(METRICS)} and the scorers of scikit-learn. Use the version that "
            "made the study"
        )
    return found


def reported_metric(name: str, direction: Direction) -> Metric:
    """Return the metric of a loop, which computes its score itself and reports the number."""

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
    """Score a model by several metrics, by name; nan where one cannot be computed on these rows.

    Args:
        outputs: those of `Metric.score`; so are the targets.
        undo: gives standardised numbers back in the target's own units; None: there are none.
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
