"""Kinds of priors: functions of how likely a hyperparameter's value is to be good."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tuner.case.assignments import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping


class Prior(Protocol):
    """Where the good values of a hyperparameter lie in its range."""

    def weight(self, value: object, low: float, high: float) -> float:
        """Return how likely a value is, relative to others of the range; 0 if unknown."""

    def centre(self, low: float, high: float) -> float | None:
        """Return the most likely number, which may be outside the range; None if there is none."""


@dataclass(frozen=True, slots=True)
class Near:
    """Numbers near a centre, weighed by their distance from it."""

    middle: float
    spread: float  # standard deviation

    def weight(self, value: object, low: float, high: float) -> float:
        """Return a normal density."""
        del low, high
        number = _number(value)
        return 0.0 if number is None else _bell((number - self.middle) / self.spread)

    def centre(self, low: float, high: float) -> float:
        """Return the centre."""
        del low, high
        return self.middle


@dataclass(frozen=True, slots=True)
class Around:
    """Positive numbers around a centre, weighed by their ratio to it.

    Attributes:
        factor: standard deviation, as a factor: this many times more, or less.
        zero: the weight of 0, which has no logarithm.
    """

    middle: float
    factor: float
    zero: float = 0.0

    def weight(self, value: object, low: float, high: float) -> float:
        """Return a normal density of the logarithm."""
        del low, high
        number = _number(value)
        if number is None or number < 0:
            return 0.0
        if number == 0:
            return self.zero
        return _bell(math.log(number / self.middle) / math.log(self.factor))

    def centre(self, low: float, high: float) -> float:
        """Return the centre."""
        del low, high
        return self.middle


@dataclass(frozen=True, slots=True)
class Upper:
    """Numbers in the upper part of a range that a case has made as wide as is useful.

    Attributes:
        share: of the range, at which the centre is.
        most: upper bound of the centre, wherever the range ends.
    """

    share: float = 0.75
    most: float = math.inf
    spread: float = 0.15  # standard deviation, as a share of the range

    def weight(self, value: object, low: float, high: float) -> float:
        """Return a normal density."""
        number = _number(value)
        if number is None:
            return 0.0
        return _bell((number - self.centre(low, high)) / ((high - low) * self.spread or 1))

    def centre(self, low: float, high: float) -> float:
        """Return the centre."""
        return min(low + self.share * (high - low), self.most)


@dataclass(frozen=True, slots=True)
class Share:
    """Choices with weights; all other values have none."""

    weights: Mapping[object, float]

    def weight(self, value: object, low: float, high: float) -> float:
        """Return the weight of a choice; True is not 1."""
        del low, high
        found = (one for known, one in self.weights.items() if repr(known) == repr(value))
        return next(found, 0.0)

    def centre(self, low: float, high: float) -> None:
        """Return None: choices are not numbers."""
        del low, high


def _number(value: object) -> float | None:
    return float(value) if is_number(value) else None


def _bell(distance: float) -> float:
    return math.exp(-(distance**2) / 2)
