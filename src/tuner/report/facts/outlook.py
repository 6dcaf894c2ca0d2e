"""Whether more trials would help, judged by the gain of the latest trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.case.metric import sign_of
from tuner.evidence.trials.health import FEWEST_TO_JUDGE
from tuner.evidence.trials.stopping import all_tried, is_chance, recent
from tuner.study.limits import was_passed_over
from tuner.study.schema import OVER_LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.case.metric import Direction


def outlook(
    trials: Sequence[FrozenTrial], made: Mapping[str, Any], stopped: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return whether more trials of this search would help, and the figures behind the answer.

    Args:
        stopped: why the search ended by itself; None if it did not.

    Returns:
        `more_trials` is one of:

        - "limited": the search draws no more configurations within the limits that the user set.
        - "no": every configuration of the search space was tried. `configurations` is their number.
        - "unknown": there are too few trials to tell.
        - "hardly": the last half of the trials gained no more than the uncertainty of the best
          score. As many more will probably not gain more either.
        - "perhaps": otherwise.

        The `last` trials gained `gain`, and `noise` is the standard error of the best score, both
        in units of the metric. `since_best` trials came after the best one.
    """
    finished = [t for t in trials if t.state.is_finished() and not was_passed_over(t)]
    half = recent(finished, made)
    since = _since_best(finished, made["direction"])
    found = {
        "total": len(finished),
        "last": half and half.trials,
        "gain": half and half.gain,
        "noise": half and half.noise,
        "since_best": since,
        "configurations": all_tried(finished, made),
    }
    if stopped and OVER_LIMITS in stopped:
        return {"more_trials": "limited", **found}
    if found["configurations"]:
        return {"more_trials": "no", **found}
    if len(finished) < FEWEST_TO_JUDGE or since is None:
        return {"more_trials": "unknown", **found}
    return {"more_trials": "hardly" if is_chance(half) else "perhaps", **found}


def _since_best(finished: Sequence[FrozenTrial], direction: Direction) -> int | None:
    """Return how many trials came after the first one with the best score; None without scores."""
    sign = sign_of(direction)
    scored = [n for n, trial in enumerate(finished) if trial.state == TrialState.COMPLETE]
    if not scored:
        return None
    best = max(scored, key=lambda n: sign * finished[n].values[0])  # the first one of equals
    return len(finished) - 1 - best
