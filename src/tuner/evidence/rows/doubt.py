"""When a label is doubted, and what is kept of that; a report reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass

# Of models that say another class than the label, of rows that they are right of, and of the
# probability that they give it.
MOST = 0.9


@dataclass(frozen=True, slots=True)
class Doubt:
    """A test row whose label nearly all models contradict.

    Attributes:
        label: number of the class that it has; `said` is that of the one that models say.
        probability: mean over models, of what they say.
        models: how many contradict the label.
    """

    row: int
    label: int
    said: int
    probability: float
    models: int
