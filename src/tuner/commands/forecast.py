"""How much longer a command takes: the search, and the confirmation after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tuner.evidence.duration import in_words, seconds_of, trainings_of


@dataclass(slots=True)
class Forecast:
    """Seconds left of a search and its confirmation, corrected as they go on.

    Attributes:
        total: trials that the search ends with.
        done_before: of these, by earlier runs.
        seeds: of the confirmation.
        raced: trainings of the race on fresh folds, at most.
        slots: fits that run at once.
        folds: trained in a trial that is neither baseline nor recipe.
        began: seconds on any clock; the same clock is asked later.
        complete: seconds that complete trials took, for so many folds.
        budget: seconds left for all of it when it began; None: the total decides.
    """

    total: int
    done_before: int
    seeds: int
    raced: int
    slots: int
    folds: int
    began: float
    complete: list[float] = field(default_factory=list)
    budget: float | None = None

    def left(self, done: int, now: float) -> float | None:
        """Return the seconds left while the search is going on; None while nothing is known."""
        if self.budget is not None:
            return max(0.0, self.budget - (now - self.began))
        here = done - self.done_before
        if here <= 0:
            return None
        search = (now - self.began) / here * max(self.total - done, 0)
        return search + self.confirmation()

    def confirmation(self) -> float:
        """Return the seconds that the confirmation takes, as far as the search tells."""
        return seconds_of(self.trainings(), self.complete, self.folds, self.slots)

    def trainings(self) -> int:
        """Return how many trainings the confirmation has, as far as it can be told before."""
        return trainings_of(self.seeds, self.raced)

    def confirming(self, trained: int, seconds: float) -> float:
        """Return the seconds left of a confirmation that has taken so many for its trainings."""
        if not trained:
            return max(self.confirmation() - seconds, 0.0)
        return seconds / trained * max(self.trainings() - trained, 0)


def about(seconds: float | None) -> str:
    """Write seconds that are left."""
    if seconds is None:
        return "time left unknown"
    return f"about {in_words(seconds)} left"
