"""The hyperparameters that the trainer reads; a case derives its own from them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from tuner.errors import CaseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """The hyperparameters that the trainer reads. A case's subclass adds those of its model.

    >>> @dataclass(frozen=True, slots=True, kw_only=True)
    ... class Mine(Hyperparameters):
    ...     width: int = 32
    >>> Mine(learning_rate=0.01).width
    32
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    optimizer: str = "adam"  # or "adamw", or "muon": see tuner.training.muon
    batch_size: int = 64
    epochs: int = 5
    step_lr: bool = False
    step_size: int = 5  # epochs; read only when step_lr
    gamma: float = 0.1  # read only when step_lr
    one_cycle: bool = False  # rise to learning_rate, then fall to zero; not with step_lr
    early_stopping: bool = False
    patience: int = 5  # epochs without a better validation score; read only when early_stopping
    label_smoothing: float = 0.0  # classification only

    def __post_init__(self) -> None:
        """Refuse contradictory values.

        Raises:
            CaseError: step_lr and one_cycle are both on.
        """
        if self.step_lr and self.one_cycle:
            raise CaseError(
                "step_lr and one_cycle are both on, and a training has one schedule; turn one off "
                "(in suggest: one_cycle=not step_lr and trial.suggest_categorical(...))"
            )


def fields_added_since(kind: type[Hyperparameters]) -> dict[str, Any]:
    """Return the defaults of tuner's own fields, as the classes define them that add them.

    A case may set other defaults for its own baseline; these do not tell how studies behaved before
    the fields existed.
    """
    found: dict[str, Any] = {}
    for base in kind.__mro__:  # the most general class last
        if is_dataclass(base) and base.__module__.startswith(("tuner.models.", "tuner.case.")):
            found |= {field.name: field.default for field in fields(base)}
    return {name: default for name, default in found.items() if default is not MISSING}
