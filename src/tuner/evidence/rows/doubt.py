"""When a label is doubted, and what is stored about it; a report reads this without torch."""

from __future__ import annotations

from dataclasses import dataclass

# Three shares must reach this: of models that contradict the label, of the rows that these models
# get right, and the probability that they give their own answer.
MOST = 0.9


@dataclass(frozen=True, slots=True)
class Doubt:
    """A test row with a label that nearly all models contradict.

    Attributes:
        label: number of its class; `said` is the number of the class that models predict.
        probability: of their prediction, as a mean over models.
        models: number of models that contradict the label.
    """

    row: int
    label: int
    said: int
    probability: float
    models: int
