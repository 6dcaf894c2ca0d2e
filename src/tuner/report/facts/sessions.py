"""The runs of a search: their duration and workers, and whether together they made one search."""

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
    """Return wall-clock seconds; a killed session has left none for the part it was in."""
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
    """Return the numbers of workers in the search, without repetitions, in order of its runs.

    A run without an ended trial has searched nothing: it only confirmed, or was stopped at once.
    """
    ended = [one.datetime_complete.astimezone() for one in trials if one.datetime_complete]
    before = [session[TRIALS_BEFORE] for session in sessions if TRIALS_BEFORE in session]
    if len(before) < len(sessions):  # from an earlier version: compare clock times
        begun = [datetime.fromisoformat(one["started"]) for one in sessions]
        searched = sorted({bisect_right(begun, moment) - 1 for moment in ended} - {-1})
    else:
        searched = [n for n, (a, b) in enumerate(pairwise((*before, len(ended)))) if a < b]
    told = (sessions[number].get("workers") for number in searched)
    return list(dict.fromkeys(workers for workers in told if workers))


def was_continued_after_its_end(trials: Iterable[FrozenTrial], workers: int) -> bool:
    """Whether trials were added to a completed search with several workers.

    Towards the end of a search, fewer and fewer trials run beside the last ones. Trials that a
    larger total adds begin when all before them have ended. In a search with that total from the
    start they begin earlier, and are drawn and pruned with less knowledge. An interrupted search
    does not count: its running trials are repeated as they were. Trials of earlier versions did not
    store which others were running, so for them the answer is unknown.
    """
    known = [one for one in trials if one.state.is_finished() and TAKEN not in one.user_attrs]
    if not any(ALONGSIDE in one.user_attrs for one in known):
        return False
    last = [
        one  # that a worker was idle when it ended
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
    """Return the trials that were running when one ended, with the stages they had reached."""
    beside: Mapping[str, int] = trial.user_attrs.get(ALONGSIDE, {})
    return beside
