"""How much longer a command takes: the search, and the confirmation after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.evidence.duration import duration_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.evidence.duration import Expected


@dataclass(slots=True)
class Forecast:
    """Seconds left of a search and its confirmation, corrected as they go on.

    Attributes:
        total: trials that the search ends with.
        done_before: of these, by earlier runs.
        slots: fits that run at once.
        began: seconds on any clock; the same clock is asked later.
        budget: seconds left for all of it when it began; None: the total decides.
        looks: what the confirmation trains until each of its looks, as far as trials tell.
    """

    total: int
    done_before: int
    slots: int
    began: float
    budget: float | None = None
    looks: Sequence[Expected] = ()

    def left(self, done: int, now: float) -> float | None:
        """Return the seconds left while the search is going on; None while nothing is known.

        Of a confirmation in two looks the second is not counted: it may not be needed.
        """
        if self.budget is not None:
            return max(0.0, self.budget - (now - self.began))
        here = done - self.done_before
        if here <= 0:
            return None
        search = (now - self.began) / here * max(self.total - done, 0)
        return search + next((look.seconds for look in self.looks), 0.0) / self.slots

    def confirming(self, trained: int, seconds: float) -> float | None:
        """Return the seconds left until the look that a confirmation trains for.

        Args:
            trained: how many have ended.
            seconds: since the confirmation began.

        Returns:
            None where it takes longer than the search has told.
        """
        if not self.looks:
            return None
        look = next((one for one in self.looks if trained <= one.trainings), self.looks[-1])
        left = look.seconds / self.slots - seconds
        return left if left > 0 else None


def about(seconds: float | None) -> str:
    """Write seconds that are left."""
    if seconds is None:
        return "time left unknown"
    return f"about {duration_in_words(seconds)} left"
