"""What a prior depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The data that a model is trained on, and the optimizer.

    Attributes:
        rows: that one training sees.
        classes: how many there are; 0: the target is a number.
        features: columns of a table; of images all values of one.
        side: pixels of an image's shorter side; None: the rows are not images.
        optimizer: by name.
        limited: whether a limit keeps the model from being as large as it would be.
    """

    rows: int
    classes: int
    features: int
    side: int | None
    optimizer: str
    limited: bool = False

    @property
    def decoupled(self) -> bool:
        """Whether the weight decay is that of AdamW, and not a term of the loss."""
        return self.optimizer in ("adamw", "muon")
