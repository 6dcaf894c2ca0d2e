"""The messages between a loop, in a process of its own, and the coordinator."""

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
        step: the loop's own count.
        value: the score.
        further: other numbers reported with it, such as the score on training rows.
    """

    step: int
    value: float
    further: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Noted:
    """The loop has set an attribute of its trial, or a constraint, which is broken if positive."""

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
    """The result of a call of a loop.

    Attributes:
        value: its score.
        params: the hyperparameters that it asked for, with their values.
        test: its result on its test rows; None if it has none, or was not asked for it.
        files: names of the files that it left in its folder.
        memory: peak memory of its process, in bytes.
        again: results of further calls in the same process.
        shared_files: names of files it used at paths that any other call would use too.
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
    """A repeated call with the same seed and hyperparameters, in the same process.

    Attributes:
        value: its score; None if it failed.
        memory: peak memory of the process by then, in bytes.
        grown: names of the file's variables that hold more than before the call.
    """

    value: float | None
    memory: int
    grown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OnTestRows:
    """The result of a loop's model on its test rows.

    Attributes:
        score: over all rows.
        rows: the score of each row, whose mean is `score`; None if the loop returned one number.
        identity: hash of the targets if the loop returned them, else of their number.
    """

    score: float
    rows: tuple[float, ...] | None = None
    identity: str | None = None
