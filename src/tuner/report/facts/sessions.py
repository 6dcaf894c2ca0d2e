"""The sessions of a search: durations, workers, and whether they are equal to one search."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Any

from tuner.study.schema import ALONGSIDE, BEGUN, ENDED, SECONDS, TAKEN, TRIALS_BEFORE, WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optuna.trial import FrozenTrial

NEVER = datetime.max.replace(tzinfo=UTC)  # the last session has no next one


def wall_seconds(
    sessions: Sequence[Mapping[str, Any]], trials: Iterable[FrozenTrial]
) -> dict[str, Any]:
    """Return the wall-clock seconds of each part; a killed session lacks those of its last part."""
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
    """Return the different numbers of workers in the search, in the order of its sessions.

    A session in which no trial ended does not count: it only confirmed, or was stopped at once.
    """
    ended = [one.datetime_complete.astimezone() for one in trials if one.datetime_complete]
    before = [session[TRIALS_BEFORE] for session in sessions if TRIALS_BEFORE in session]
    if len(before) == len(sessions):
        searched = [a < b for a, b in pairwise((*before, len(ended)))]
    else:  # from an earlier version: compare clock times
        begun = [datetime.fromisoformat(one["started"]) for one in sessions]
        spans = pairwise((*begun, NEVER))
        searched = [any(a <= moment < b for moment in ended) for a, b in spans]
    told = [session.get("workers") for session in compress(sessions, searched)]
    return list(dict.fromkeys(workers for workers in told if workers))


def was_continued_after_its_end(trials: Iterable[FrozenTrial], workers: int) -> bool:
    """Whether trials were added to a completed search with several workers.

    Towards the end of a search, fewer and fewer trials run beside the last ones. If a larger total
    adds trials, they begin after all earlier ones have ended. In a search with that total from the
    start, they would begin earlier, and would be drawn and pruned with fewer results. An
    interrupted search does not count: its running trials are repeated as they were. Trials of
    earlier versions did not store which others were running, so the answer is false for them.
    """
    known = [one for one in trials if one.state.is_finished() and TAKEN not in one.user_attrs]
    if not any(ALONGSIDE in one.user_attrs for one in known):
        return False
    last = [
        one  # a worker was idle when it ended
        for one in known
        if one.user_attrs.get(SECONDS) and len(_beside(one)) < workers - 1
    ]
    return any(_began_after(later, one) for one in last for later in known)


def _began_after(later: FrozenTrial, one: FrozenTrial) -> bool:
    """Whether `later` began, in virtual time, after `one` had ended."""
    begun, ended = later.user_attrs.get(BEGUN), one.user_attrs.get(ENDED)
    if later is one or begun is None or ended is None or begun < ended:
        return False
    at_once = str(later.number) in _beside(one) or str(one.number) in _beside(later)
    return not at_once  # trainings that fail take no virtual time


def _beside(trial: FrozenTrial) -> Mapping[str, int]:
    """Return the trials that were running when this one ended, and the stage each had reached."""
    beside: Mapping[str, int] = trial.user_attrs.get(ALONGSIDE, {})
    return beside
