"""Decides when to end a search: when more trials promise less than the noise of a score."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.distributions import json_to_distribution
from optuna.trial import TrialState

from tuner.case.metric import sign_of
from tuner.case.space import configurations
from tuner.evidence.trials.signs import curve_of, read_signs
from tuner.language import nsaid, said
from tuner.study.store import facts_of
from tuner.study.trials import finished_trials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

# Chosen by replay (studies/README.md): 20 trials, of which 10 are random, and a third were too few.
FLOOR, CEILING = 30, 100  # finished trials
LOOK_BACK = 1 / 2  # of the trials so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """The gain of the last half of the trials.

    Attributes:
        trials: number of trials in this half.
        gain: improvement of the best score, in units of the metric; 0 or more.
        noise: standard error of the best score; None if it is unknown.
    """

    trials: int
    gain: float
    noise: float | None


def recent(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> Recent | None:
    """Return the gain of the last half of the trials; None without two scores to compare.

    Args:
        finished: trials, in order.
        made: the settings that the study was made with.
    """
    sign = sign_of(made["direction"])
    last = round(LOOK_BACK * len(finished))
    now, before = _best(finished, sign), _best(finished[: len(finished) - last], sign)
    if now is None or before is None:
        return None
    gain = max(0.0, sign * (now.values[0] - before.values[0]))
    return Recent(trials=last, gain=gain, noise=_noise(now, made))


def is_chance(half: Recent | None) -> bool:
    """Whether the last half of the trials has gained no more than the noise of a score.

    Then as many further ones will probably not gain more, either: with a random search, they do in
    a third of such studies, and in fewer the larger the noise is. For a hundred more, nothing is
    known.
    """
    return half is not None and half.gain <= (half.noise or 0.0)


def all_tried(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> int | None:
    """Return the size of a search space whose configurations have all been tried; else None.

    The space of a loop is not known before it asks, so for a loop it is None.

    Args:
        finished: trials.
        made: the settings that the study was made with.
    """
    if not made["space"]:
        return None
    fixed = made.get("fixed", {})
    free = {
        name: json_to_distribution(json.dumps(stored))
        for name, stored in made["space"].items()
        if name not in fixed
    }
    count = configurations(free)
    if count is None or len(finished) < count:
        return None
    tried = {
        tuple(trial.params.get(name) for name in free)
        for trial in finished
        if all(trial.params.get(name, value) == value for name, value in fixed.items())
    }
    return count if len(tried) >= count else None


def reason_to_stop(study: optuna.Study) -> str | None:
    """Return why a search has done enough; None if it has not.

    New bests become rarer and rarer, so as many further trials are expected to gain less than the
    last half has gained. When that is less than the standard error of the best score, which is the
    luck of its validation rows, a longer search chases noise. If every configuration of the space
    has been tried, nothing is left to do.
    """
    finished = finished_trials(study)
    if len(finished) >= CEILING:
        return said("after {trials} trials, the most that it runs", trials=CEILING)
    made = facts_of(study)
    if count := all_tried(finished, made):
        return nsaid(
            "after {trials} trials: the only configuration has been tried",
            "after {trials} trials: all {count} configurations have been tried",
            count,
            trials=len(finished),
            count=count,
        )
    if len(finished) < FLOOR:
        return None
    half = recent(finished, made)
    if half is None or half.noise is None or not is_chance(half):
        return None
    if not half.gain:
        return said(
            "after {trials} trials: the last {last} brought no improvement, and the best score is "
            "only known to within {noise:.2g} (one standard error)",
            trials=len(finished),
            last=half.trials,
            noise=half.noise,
        )
    return said(
        "after {trials} trials: the last {last} improved the score by {gain:.2g}, and the best "
        "score is only known to within {noise:.2g} (one standard error)",
        trials=len(finished),
        last=half.trials,
        gain=half.gain,
        noise=half.noise,
    )


def _best(trials: Sequence[FrozenTrial], sign: int) -> FrozenTrial | None:
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: sign * trial.values[0], default=None)


def _noise(trial: FrozenTrial, made: Mapping[str, Any]) -> float | None:
    """Return the standard error of a trial's score, in units of the metric."""
    curve = curve_of(trial, made, of_score=True)
    if curve is None:
        return None
    return read_signs(curve).standard_error * curve.unit
