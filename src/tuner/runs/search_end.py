"""The end of a search: after its trials, at its time limit, or by its own decision."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tuner.evidence.trials.stopping import CEILING, reason_to_stop
from tuner.runs.observer import Message, SearchEnded
from tuner.runs.tries import total_with_tries
from tuner.study.schema import BUDGET, OVER_LIMITS, STOPPED
from tuner.study.store import settle
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna

    from tuner.runs.budget import Budget
    from tuner.runs.observer import Observer
    from tuner.runs.settings import StudySettings
    from tuner.search.virtual_time import VirtualTimeSearch

    Enough = Callable[[optuna.Study], str | None]


@dataclass(frozen=True, slots=True)
class SearchEnd:
    """When the search of a run ends, for a case or a loop.

    Attributes:
        total: the largest number of finished trials.
        auto: whether it ends earlier, once more trials promise less than the noise of a score.
        deadline: a value of time.monotonic(); None for no limit.
    """

    total: int
    auto: bool
    deadline: float | None

    @classmethod
    def of(cls, study: optuna.Study, settings: StudySettings) -> Self:
        """Return the end of a run that begins; forget an earlier end if more is requested now."""
        forget_the_end(study, settings.trials, settings.budget)
        total = CEILING if settings.trials is None else settings.trials
        return cls(
            total=total_with_tries(study, total),
            auto=settings.trials is None,
            deadline=settings.timeout and time.monotonic() + settings.timeout,
        )

    def reach(
        self,
        study: optuna.Study,
        coordinator: VirtualTimeSearch[Any],
        budget: Budget | None,
        observer: Observer,
    ) -> None:
        """Search until the end, and report why it ended if not with its last trial.

        Args:
            study: the study in the database.
            coordinator: searches.
            budget: time budget, which may also end the search; None if there is none.
            observer: is told the reason.
        """
        rules = (reason_to_stop if self.auto else None, budget.reason_to_stop if budget else None)
        coordinator.search(self.total, self.deadline, enough_by(*rules))
        observer.tell(SearchEnded())
        if settle(study):
            done = f"{finished(study)} of {self.total} trials"
            observer.tell(Message(f"Time limit reached after {done}."))
        elif stopped := study.user_attrs.get(STOPPED):
            by_time = bool(study.user_attrs.get(BUDGET))
            observer.tell(Message(why_stopped(stopped, by_time=by_time)))


def forget_the_end(study: optuna.Study, trials: int | None, budget: float | None) -> None:
    """Continue a search that has ended by its own decision, if more is requested now.

    Args:
        trials: requested number; None for as many as are worth it.
        budget: in seconds; None for none.
    """
    if not study.user_attrs.get(STOPPED):
        return
    ended = study.user_attrs.get(BUDGET)
    by_time = ended is not None and (budget is None or budget > ended["seconds"])
    by_trials = ended is None and trials is not None
    if by_time or by_trials:
        study.set_user_attr(BUDGET, None)
        study.set_user_attr(STOPPED, None)


def enough_by(*rules: Enough | None) -> Enough | None:
    """Return a rule that stops a search as soon as one of these does; None without rules."""
    known = [rule for rule in rules if rule is not None]

    def reason(study: optuna.Study) -> str | None:
        return next(filter(None, (rule(study) for rule in known)), None)

    return reason if known else None


def why_stopped(stopped: Mapping[str, Any], *, by_time: bool) -> str:
    """Return why a search ended by its own decision, and how to continue if it reached limits.

    Args:
        stopped: what the study has stored about it.
        by_time: whether a time budget ended it.
    """
    if OVER_LIMITS in stopped:
        return (
            f"Stopped by the limits of the study {stopped['reason']}. To continue, start a new "
            "study with another --name: set higher limits, or use --fix for what makes a model "
            "too large."
        )
    return f"Stopped by {'--budget' if by_time else '--trials auto'} {stopped['reason']}."
