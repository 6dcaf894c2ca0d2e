"""What a model may cost at most, in use and to train: what costs more is not trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from tuner.errors import UsageError
from tuner.study.schema import ALLOWED, ARM, CONSTRAINTS, FACTS, GUESS, TRIED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PARAMETERS, LATENCY, COST = "parameters", "latency_ms", "cost"  # of a trial, if there are limits
GUESSES_MAY = 2.0  # times the work that other trials may take: guesses are worth more
BREAKS = "breaks"  # list[float]: by which share it breaks each limit; above zero it does


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a study.

    Attributes:
        parameters: of the model; None: any number.
        latency_ms: milliseconds that the model takes for one row on the machine that measured it,
            before its training. It is another each time, so the trial keeps it; None: any.
        cost: of a training, as a multiple of what the baseline's computes, and twice that for a
            guess. Baseline, recipe and what a person tries are trained anyway. None: any.
    """

    parameters: int | None = None
    latency_ms: float | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that nothing could keep.

        Raises:
            UsageError: one is not above zero.
        """
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise UsageError(f"--max-{name.replace('_', '-')} {value:g} is not above zero")

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self != Limits()

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the limits that a study keeps."""
        return cls(**(facts.get("limits") or {}))

    def facts(self) -> dict[str, Any] | None:
        """Return them as a study keeps them; None: there are none."""
        return asdict(self) if self else None

    def of_trial(self, attributes: Collection[str]) -> Self:
        """Return those that a trial has to keep; it may have ARM, TRIED or GUESS."""
        if self.cost is None:
            return self
        if not {ARM, TRIED}.isdisjoint(attributes):
            return replace(self, cost=None)
        return replace(self, cost=GUESSES_MAY * self.cost) if GUESS in attributes else self

    def excess(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Return by which share a model is over each limit; at or under zero it keeps it.

        Args:
            measured: PARAMETERS, LATENCY and COST, where there is a limit of it.
        """
        limits = {PARAMETERS: self.parameters, LATENCY: self.latency_ms, COST: self.cost}
        return {
            name: measured[name] / limit - 1 for name, limit in limits.items() if limit is not None
        }

    def in_words(self) -> str:
        """Return the limits as in a sentence."""
        parts = []
        if self.parameters is not None:
            parts.append(f"{self.parameters:,} parameters")
        if self.latency_ms is not None:
            parts.append(f"{self.latency_ms:g} ms a row")
        if self.cost is not None:
            parts.append(f"{self.cost:g} times the baseline's computing")
        return " and ".join(parts)


def limits_of(attributes: Mapping[str, Any]) -> Limits:
    """Return the limits of a study: those it was made with, and what a time budget has set.

    Args:
        attributes: of the study.
    """
    limits, allowed = Limits.of(attributes.get(FACTS, {})), attributes.get(ALLOWED)
    if allowed is None:
        return limits
    return replace(limits, cost=min(allowed["cost"], limits.cost or math.inf))


class Measured(Protocol):
    """A trial, read whole or in part."""

    @property
    def user_attrs(self) -> Any:
        """Its attributes, `BREAKS` and `CONSTRAINTS` among them if it has these."""


def breaks_limits(trial: Measured) -> bool:
    """Whether a trial's model is over a limit of its study, or breaks a constraint of its loop."""
    return _is_over(trial) or bool(broken_constraints(trial))


def broken_constraints(trial: Measured) -> dict[str, float]:
    """Return what a loop has told of the constraints that a trial breaks, by their names."""
    told: Mapping[str, float] = trial.user_attrs.get(CONSTRAINTS, {})
    return {name: value for name, value in told.items() if not value <= 0}


def was_passed_over(trial: Measured) -> bool:
    """Whether a trial was not trained because its model is over a limit; arms always are."""
    return _is_over(trial) and ARM not in trial.user_attrs


def _is_over(trial: Measured) -> bool:
    return any(share > 0 for share in trial.user_attrs.get(BREAKS, ()))
