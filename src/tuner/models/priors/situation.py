"""The situation on which a prior depends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The data of a training, and the optimizer.

    Attributes:
        rows: number of rows that one training sees.
        classes: number of classes; 0 if the target is a number.
        features: columns of a table, or all values of an image.
        side: pixels of an image's shorter side; None if the rows are not images.
        optimizer: by name.
        limited: whether a limit keeps the model smaller than it would otherwise be.
    """

    rows: int
    classes: int
    features: int
    side: int | None
    optimizer: str
    limited: bool = False

    @property
    def decoupled(self) -> bool:
        """Whether the weight decay is AdamW's, and not a term of the loss."""
        return self.optimizer in ("adamw", "muon")
