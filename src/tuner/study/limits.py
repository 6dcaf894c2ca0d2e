"""Limits on the cost of a model, in use and in training; a model over a limit is not trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from tuner.errors import UsageError
from tuner.study.schema import ALLOWED, ARM, CONSTRAINTS, FACTS, GUESS, TRIED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PARAMETERS, LATENCY, COST = "parameters", "latency_ms", "cost"  # of a trial, if there are limits
GUESSES_MAY = 2.0  # factor on the work allowed for guesses, which are worth more
BREAKS = "breaks"  # list[float]: excess over each limit, as a share of it; positive if broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a study.

    Attributes:
        parameters: most parameters of a model; None for any number.
        latency_ms: most milliseconds for one row, measured before the training on the machine at
            hand; None for any. A measurement varies, so each trial stores its own.
        cost: most work of a training, as a multiple of the baseline's; twice that for a guess.
            Baseline, recipe and configurations that a person tries are always trained. None for
            any.
    """

    parameters: int | None = None
    latency_ms: float | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that no model could keep.

        Raises:
            UsageError: one is not above zero.
        """
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise UsageError(f"--max-{name.replace('_', '-')} {value:g} is not above zero")

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return self != Limits()

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the limits that a study stores."""
        return cls(**(facts.get("limits") or {}))

    def facts(self) -> dict[str, Any] | None:
        """Return the limits as a study stores them; None if there are none."""
        return asdict(self) if self else None

    def of_trial(self, attributes: Collection[str]) -> Self:
        """Return the limits of a trial with these attributes (ARM, TRIED or GUESS)."""
        if self.cost is None:
            return self
        if not {ARM, TRIED}.isdisjoint(attributes):
            return replace(self, cost=None)
        return replace(self, cost=GUESSES_MAY * self.cost) if GUESS in attributes else self

    def excess(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Return the excess over each limit, as a share of it; zero or less if it is kept.

        Args:
            measured: PARAMETERS, LATENCY and COST, for those with a limit.
        """
        limits = {PARAMETERS: self.parameters, LATENCY: self.latency_ms, COST: self.cost}
        return {
            name: measured[name] / limit - 1 for name, limit in limits.items() if limit is not None
        }

    def in_words(self) -> str:
        """Return the limits as part of a sentence."""
        parts = []
        if self.parameters is not None:
            parts.append(f"{self.parameters:,} parameters")
        if self.latency_ms is not None:
            parts.append(f"{self.latency_ms:g} ms a row")
        if self.cost is not None:
            parts.append(f"{self.cost:g} times the baseline's computing")
        return " and ".join(parts)


def limits_of(attributes: Mapping[str, Any]) -> Limits:
    """Return the limits of a study: its original ones, and those that a time budget has set.

    Args:
        attributes: of the study.
    """
    limits, allowed = Limits.of(attributes.get(FACTS, {})), attributes.get(ALLOWED)
    if allowed is None:
        return limits
    return replace(limits, cost=min(allowed["cost"], limits.cost or math.inf))


class Measured(Protocol):
    """A trial, read completely or in part."""

    @property
    def user_attrs(self) -> Any:
        """Its attributes, including `BREAKS` and `CONSTRAINTS` if it has them."""


def breaks_limits(trial: Measured) -> bool:
    """Whether a trial's model is over a limit of its study, or breaks a constraint of its loop."""
    return _is_over(trial) or bool(broken_constraints(trial))


def broken_constraints(trial: Measured) -> dict[str, float]:
    """Return the values of the constraints that a trial of a loop breaks, by name."""
    told: Mapping[str, float] = trial.user_attrs.get(CONSTRAINTS, {})
    return {name: value for name, value in told.items() if not value <= 0}


def was_passed_over(trial: Measured) -> bool:
    """Whether a trial was not trained because its model is over a limit; arms always are."""
    return _is_over(trial) and ARM not in trial.user_attrs


def _is_over(trial: Measured) -> bool:
    return any(share > 0 for share in trial.user_attrs.get(BREAKS, ()))
