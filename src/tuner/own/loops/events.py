"""What passes between a loop, which runs in a process of its own, and the coordinator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, slots=True)
class Suggest:
    """The loop asks for a hyperparameter, and waits for its value."""

    name: str
    distribution: BaseDistribution


@dataclass(frozen=True, slots=True)
class ShouldPrune:
    """The loop asks whether to end early, and waits for True or False."""


@dataclass(frozen=True, slots=True)
class Reported:
    """The loop has reported a score.

    Attributes:
        step: as the loop counts.
        value: the score.
        further: other numbers that it gave with it, such as the score on training rows.
    """

    step: int
    value: float
    further: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Noted:
    """The loop has set an attribute of its trial, or a constraint: above zero it is broken."""

    key: str
    value: Any
    is_constraint: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question."""

    value: Any


Question: TypeAlias = Suggest | ShouldPrune
Told: TypeAlias = Reported | Noted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of a loop came to.

    Attributes:
        value: its score.
        params: the hyperparameters that it asked for, with their values.
        test: what it did on its test rows; None: it has none, or was not asked.
        files: names of the files that it left in its folder.
        memory: that its process has used at most, in bytes.
        again: what calls after it, in the same process, came to.
        shared_files: names of files that it has used where any other call would look for them.
    """

    value: float
    params: Mapping[str, Any]
    test: OnTestRows | None = None
    files: tuple[str, ...] = ()
    memory: int = 0
    again: tuple[Again, ...] = ()
    shared_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """A call with the seed and hyperparameters of one before it, in the same process.

    Attributes:
        value: its score; None: it failed.
        memory: that the process has used at most by then, in bytes.
        grown: names of the file that hold more than before the call.
    """

    value: float | None
    memory: int
    grown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OnTestRows:
    """A model of a loop on its test rows.

    Attributes:
        score: over all rows.
        rows: the score of each row, whose mean is `score`; None: the loop gave one number.
        identity: hash of the targets, where the loop gave them; else of their number.
    """

    score: float
    rows: tuple[float, ...] | None = None
    identity: str | None = None
