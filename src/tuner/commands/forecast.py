"""Predicts how much longer a command takes: the search, and the confirmation after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.evidence.duration import duration_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.evidence.duration import Expected


@dataclass(slots=True)
class Forecast:
    """The remaining seconds of a search and its confirmation, corrected as they proceed.

    Attributes:
        total: number of trials that the search ends with.
        done_before: of these, by earlier runs.
        slots: fits that run at once.
        began: seconds of any clock; later times must be of the same clock.
        budget: remaining seconds of a time budget at that moment; None if the total decides.
        looks: trainings of the confirmation until each of its looks, as far as trials show.
    """

    total: int
    done_before: int
    slots: int
    began: float
    budget: float | None = None
    looks: Sequence[Expected] = ()

    def left(self, done: int, now: float) -> float | None:
        """Return the remaining seconds during the search; None if nothing is known yet.

        For a confirmation in two looks, the second is not counted: it may not be needed.
        """
        if self.budget is not None:
            return max(0.0, self.budget - (now - self.began))
        here = done - self.done_before
        if here <= 0:
            return None
        search = (now - self.began) / here * max(self.total - done, 0)
        return search + next((look.seconds for look in self.looks), 0.0) / self.slots

    def confirming(self, trained: int, seconds: float) -> float | None:
        """Return the remaining seconds until the look for which a confirmation trains.

        Args:
            trained: number of trainings that have ended.
            seconds: since the confirmation began.

        Returns:
            None if it takes longer than predicted from the search.
        """
        if not self.looks:
            return None
        look = next((one for one in self.looks if trained <= one.trainings), self.looks[-1])
        left = look.seconds / self.slots - seconds
        return left if left > 0 else None


def about(seconds: float | None) -> str:
    """Return remaining seconds in words."""
    if seconds is None:
        return "time left unknown"
    return f"about {duration_in_words(seconds)} left"
