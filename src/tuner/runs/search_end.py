"""How a search ends by itself: the rules, the message, and what lets it continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.study.schema import BUDGET, OVER_LIMITS, STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna

    Enough = Callable[[optuna.Study], str | None]


def forget_the_end(study: optuna.Study, trials: int | None, budget: float | None) -> None:
    """Let a search continue that has stopped by itself, if more is asked for now.

    Args:
        trials: number asked for; None for as many as are worth it.
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
    """Return a rule that stops a search as soon as one of these does; None if there is none."""
    known = [rule for rule in rules if rule is not None]

    def reason(study: optuna.Study) -> str | None:
        return next(filter(None, (rule(study) for rule in known)), None)

    return reason if known else None


def why_stopped(stopped: Mapping[str, Any], *, by_time: bool) -> str:
    """Return why a search has ended by itself, and how to continue if more trials do not suffice.

    Args:
        stopped: what the study stores about it.
        by_time: whether a time budget has ended it.
    """
    if OVER_LIMITS in stopped:
        return (
            f"Stopped by the limits of the study {stopped['reason']}. To continue, start a new "
            "study with another --name: set higher limits, or use --fix for what makes a model "
            "too large."
        )
    return f"Stopped by {'--budget' if by_time else '--trials auto'} {stopped['reason']}."
