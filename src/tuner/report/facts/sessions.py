"""The runs of a search: how long they took, with how many workers, and whether they made one."""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tuner.study.schema import ALONGSIDE, BEGUN, ENDED, SECONDS, TAKEN, TRIALS_BEFORE, WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optuna.trial import FrozenTrial


def wall_seconds(
    sessions: Sequence[Mapping[str, Any]], trials: Iterable[FrozenTrial]
) -> dict[str, Any]:
    """Seconds on the clock; a session that was killed has left none of the part that it was in."""
    search = [session["search_seconds"] for session in sessions if "search_seconds" in session]
    confirmation = [s["confirmation_seconds"] for s in sessions if "confirmation_seconds" in s]
    audit = [session["audit_seconds"] for session in sessions if "audit_seconds" in session]
    return {
        "search": math.fsum(search) if search else None,
        "confirmation": math.fsum(confirmation) if confirmation else None,
        "audit": math.fsum(audit) if audit else None,
        "all_trials": math.fsum(trial.user_attrs.get(SECONDS, 0.0) for trial in trials),
        "sessions": len(sessions),
        "sessions_without_time": sum("search_seconds" not in session for session in sessions),
        "cut_off_after_search": sum(
            session.get(WITHIN) not in (None, "search_seconds") for session in sessions
        ),
    }


def workers_of_search(
    sessions: Sequence[Mapping[str, Any]], trials: Iterable[FrozenTrial]
) -> list[int]:
    """Return with how many workers the search ran, each number once, in the order of its runs.

    A run in which no trial ended has searched nothing: it only confirmed, or was stopped at once.
    """
    ended = [one.datetime_complete.astimezone() for one in trials if one.datetime_complete]
    before = [session[TRIALS_BEFORE] for session in sessions if TRIALS_BEFORE in session]
    if len(before) < len(sessions):  # of an earlier version: the clock tells, if never set back
        begun = [datetime.fromisoformat(one["started"]) for one in sessions]
        searched = sorted({bisect_right(begun, moment) - 1 for moment in ended} - {-1})
    else:
        searched = [n for n, (a, b) in enumerate(pairwise((*before, len(ended)))) if a < b]
    told = (sessions[number].get("workers") for number in searched)
    return list(dict.fromkeys(workers for workers in told if workers))


def was_continued_after_its_end(trials: Iterable[FrozenTrial], workers: int) -> bool:
    """Whether trials were added to a search that had come to its end, on several workers.

    Towards the end of a search fewer and fewer trials run beside the last ones. Those that a larger
    total adds begin when all before them have ended. In a search that had that total from the start
    they begin earlier, and are drawn and pruned knowing less. One that was interrupted is no such
    search: what it had under way runs again as it did. Trials of earlier versions, which kept
    nothing of those beside them, do not tell.
    """
    known = [one for one in trials if one.state.is_finished() and TAKEN not in one.user_attrs]
    if not any(ALONGSIDE in one.user_attrs for one in known):
        return False
    last = [
        one  # of its search: a worker had nothing to do when it ended
        for one in known
        if one.user_attrs.get(SECONDS) and len(_beside(one)) < workers - 1
    ]
    return any(_began_after(later, one) for one in last for later in known)


def _began_after(later: FrozenTrial, one: FrozenTrial) -> bool:
    """Whether a trial began, in virtual time, when another had ended."""
    begun, ended = later.user_attrs.get(BEGUN), one.user_attrs.get(ENDED)
    if later is one or begun is None or ended is None or begun < ended:
        return False
    at_once = str(later.number) in _beside(one) or str(one.number) in _beside(later)
    return not at_once  # trainings that fail take no virtual time


def _beside(trial: FrozenTrial) -> Mapping[str, int]:
    """Return which trials were running when one ended, with the stages that they had reached."""
    beside: Mapping[str, int] = trial.user_attrs.get(ALONGSIDE, {})
    return beside
