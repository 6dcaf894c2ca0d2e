"""When to end a search by itself: as soon as going on promises less than the noise of a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.evidence.signs import curve_of, read_signs
from tuner.study.store import facts_of
from tuner.study.trials import finished_trials, sign_of_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

# By replay (studies/README.md): 20 trials, of which 10 are random, and a third were too few.
FLOOR, CEILING = 30, 100  # finished trials
LOOK_BACK = 1 / 2  # of the trials so far


def reason_to_stop(study: optuna.Study) -> str | None:
    """Say why a search has done enough; None, while it has not.

    New bests come ever more seldom, so what the last half of the trials has gained is more than as
    many further ones can be expected to gain. When that is less than the standard error of the best
    score, which is how much luck there is in its validation rows, going on chases noise.
    """
    finished = finished_trials(study)
    if len(finished) >= CEILING:
        return f"after {CEILING} trials, the most that it makes"
    if len(finished) < FLOOR:
        return None
    sign = sign_of_study(study)
    now = _best(finished, sign)
    before = _best(finished[: len(finished) - round(LOOK_BACK * len(finished))], sign)
    noise = now and _noise(now, facts_of(study))
    if now is None or before is None or noise is None:
        return None
    gain = sign * (now.values[0] - before.values[0])
    if gain > noise:
        return None
    gained = f"{gain:.2g}" if gain > 0 else "nothing"
    return (
        f"after {len(finished)} trials, as the last {round(LOOK_BACK * len(finished))} have gained "
        f"{gained}, and the best score is only sure to {noise:.2g} (one standard error)"
    )


def _best(trials: Sequence[FrozenTrial], sign: int) -> FrozenTrial | None:
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: sign * trial.values[0], default=None)


def _noise(trial: FrozenTrial, made: Mapping[str, Any]) -> float | None:
    """Return the standard error of a trial's score, in units of the metric."""
    curve = curve_of(trial, made)
    if curve is None:
        return None
    return read_signs(curve).standard_error * curve.unit
