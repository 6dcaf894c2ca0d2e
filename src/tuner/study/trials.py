"""Which trials of a study count as finished, complete, scored or guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optuna.study import StudyDirection
from optuna.trial import TrialState

from tuner.study.limits import BREAKS, was_passed_over
from tuner.study.schema import ARM, GUESS, LOST, SEED

if TYPE_CHECKING:
    from collections.abc import Iterable

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.study.limits import Measured

SCORED = (TrialState.COMPLETE, TrialState.PRUNED)  # to their end, or as far as they got
FINISHED = (*SCORED, TrialState.FAIL)
COUNTING = (ARM, BREAKS, LOST)  # attributes that tell whether a finished trial counts


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that have ended, in whatever state, by number.

    Trials that were not trained because their model is over a limit are left out.
    """
    return _without_passed_over(study.get_trials(deepcopy=False, states=FINISHED))


def scored_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were trained to their end or pruned, by number."""
    return _without_passed_over(study.get_trials(deepcopy=False, states=SCORED))


def _without_passed_over(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if not was_passed_over(trial)]


def complete_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were trained to their end, by number."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def guesses_before(study: optuna.Study, number: int) -> int:
    """Return how many of the trials before this one are guesses.

    The search numbers its draws without guesses, so that it draws the same with and without them.
    """
    trials = study.get_trials(deepcopy=False)
    return sum(GUESS in trial.user_attrs for trial in trials[:number])


def waits_as_guess(trial: FrozenTrial) -> bool:
    """Whether a trial is a guess that has not been tried yet."""
    return GUESS in trial.user_attrs and trial.state == TrialState.WAITING


def is_new_guess(trial: FrozenTrial) -> bool:
    """Whether a trial is a guess that no run has begun to train."""
    return waits_as_guess(trial) and SEED not in trial.user_attrs


def scored_guesses(study: optuna.Study) -> int:
    """Return how many guesses were trained to their end; they do not count as random draws."""
    return sum(GUESS in trial.user_attrs for trial in scored_trials(study))


def finished(study: optuna.Study) -> int:
    """Return how many of the trials that were asked for have ended, in whatever state."""
    return len(ended_of(study.get_trials(deepcopy=False, states=FINISHED)))


def ended_of(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that were asked for and have ended, in whatever state."""
    return [trial for trial in trials if trial.state.is_finished() and counts(trial)]


def counts(trial: Measured) -> bool:
    """Whether a finished trial is one of those that were asked for.

    A trial that was not trained because its model is over a limit does not count, and neither does
    one that the machine lost, because another replaces it.
    """
    return not was_passed_over(trial) and LOST not in trial.user_attrs


def sign_of_study(study: optuna.Study) -> Literal[1, -1]:
    """Return 1 if a higher score of the study is better, -1 if a lower one is."""
    return 1 if study.direction == StudyDirection.MAXIMIZE else -1
