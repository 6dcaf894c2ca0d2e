"""How many trials there were, how they ended, how long they took, and what they computed."""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.study.limits import was_passed_over
from tuner.study.schema import CURVE, FAILURE, GUESS, HYPERPARAMETERS, TRIED, WORK
from tuner.study.trials import waits_as_guess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optuna.trial import FrozenTrial


def counts(trials: Iterable[FrozenTrial]) -> dict[str, Any]:
    """How the trials ended, and why those failed that did."""
    all_trials = list(trials)
    trials = [trial for trial in all_trials if not was_passed_over(trial)]
    states = [trial.state for trial in trials]
    counts: dict[str, Any] = {
        "complete": states.count(TrialState.COMPLETE),
        "pruned": states.count(TrialState.PRUNED),
        "failed": states.count(TrialState.FAIL),
    }
    reasons: dict[str, list[int]] = {}
    for trial in trials:
        if trial.state == TrialState.FAIL:
            reason = trial.user_attrs.get(FAILURE, "no reason on record")
            reasons.setdefault(reason, []).append(trial.number)
    return {
        "total": sum(counts.values()),
        **counts,
        "passed_over": len(all_trials) - len(trials),
        "unfinished": sum(
            not trial.state.is_finished() and not waits_as_guess(trial) for trial in trials
        ),
        "failures": [
            {"reason": reason, "count": len(numbers), "trials": numbers}
            for reason, numbers in reasons.items()
        ],
    }


def tries_of(trials: Iterable[FrozenTrial]) -> list[dict[str, Any]]:
    """Return the trials that a person asked for with --try, and what they came to."""
    return [
        {
            "trial": trial.number,
            "values": trial.user_attrs[TRIED],
            "state": trial.state.name.lower(),
            "score": trial.values[0] if trial.values else None,
        }
        for trial in trials
        if TRIED in trial.user_attrs
    ]


def guesses_of(trials: Iterable[FrozenTrial]) -> list[dict[str, Any]]:
    """Return the trials that were not drawn by the search but guessed, and what they came to."""
    return [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "score": trial.values[0] if trial.values else None,
        }
        for trial in trials
        if GUESS in trial.user_attrs
    ]


def work_of(trials: Iterable[FrozenTrial]) -> dict[str, float | None]:
    """Floating-point operations of the search, and what they would have been without pruning.

    Without pruning a pruned trial would have gone on to its last epoch. Some would have stopped
    early by themselves, so the second figure is an upper bound.
    """
    done, whole = 0.0, 0.0
    for trial in trials:
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED) or was_passed_over(trial):
            continue
        facts = trial.user_attrs
        work = facts.get(WORK)
        if work is None:
            return {"done": None, "without_pruning_at_most": None}
        done += work
        reached = facts[CURVE][-1][1] if facts.get(CURVE) else 0
        planned = facts.get(HYPERPARAMETERS, {}).get("epochs", reached)
        cut_short = trial.state == TrialState.PRUNED and reached
        whole += work * max(planned / reached, 1) if cut_short else work
    return {"done": done, "without_pruning_at_most": whole}


def wall_seconds(
    sessions: Sequence[Mapping[str, Any]], trials: Iterable[FrozenTrial]
) -> dict[str, Any]:
    """Seconds on the clock; a session that was interrupted has left none."""
    search = [session["search_seconds"] for session in sessions if "search_seconds" in session]
    confirmation = [s["confirmation_seconds"] for s in sessions if "confirmation_seconds" in s]
    audit = [session["audit_seconds"] for session in sessions if "audit_seconds" in session]
    return {
        "search": math.fsum(search) if search else None,
        "confirmation": math.fsum(confirmation) if confirmation else None,
        "audit": math.fsum(audit) if audit else None,
        "all_trials": math.fsum(trial.user_attrs.get("seconds", 0.0) for trial in trials),
        "sessions": len(sessions),
        "sessions_without_time": sum("search_seconds" not in session for session in sessions),
    }


def workers_of_search(
    sessions: Sequence[Mapping[str, Any]], trials: Iterable[FrozenTrial]
) -> list[int]:
    """Return with how many workers the search ran, each number once, in the order of its runs.

    A run in which no trial ended has searched nothing: it only confirmed, or was stopped at once.
    """
    begun = [datetime.fromisoformat(one["started"]) for one in sessions]
    ended = [one.datetime_complete.astimezone() for one in trials if one.datetime_complete]
    searched = sorted({bisect_right(begun, moment) - 1 for moment in ended} - {-1})
    told = (sessions[number].get("workers") for number in searched)
    return list(dict.fromkeys(workers for workers in told if workers))
