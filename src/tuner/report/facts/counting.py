"""Counts the trials, how they ended, and the work they took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.study.limits import was_passed_over
from tuner.study.schema import CURVE, FAILURE, GUESS, HYPERPARAMETERS, TRIED, WORK
from tuner.study.trials import waits_as_guess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optuna.trial import FrozenTrial


def counts(trials: Iterable[FrozenTrial]) -> dict[str, Any]:
    """Return how the trials ended, and why the failed ones failed."""
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
    """Return the trials that the user asked for with --try, and their results."""
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
    """Return the trials that were guesses, and their results."""
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
    """Return the operations of the search, and how many there would have been without pruning.

    Without pruning, a pruned trial would have continued to its last epoch. Some would have stopped
    early anyway, so the second number is an upper bound.
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
