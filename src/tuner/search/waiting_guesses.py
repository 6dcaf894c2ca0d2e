"""Resizes a study's guesses that are not tried yet to the limits of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.search.bayesian import QUEUED
from tuner.study.limited_guesses import within_limits
from tuner.study.schema import GUESS, HYPERPARAMETERS, KEEPS_LIMITS, TAKEN
from tuner.study.store import facts_of
from tuner.study.trials import is_new_guess
from tuner.unpromised.by_optuna import row_of_trial, storage_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from tuner.study.configuration import StudyConfig


def fit_guesses(study: optuna.Study, config: StudyConfig, say: Callable[[str], None]) -> None:
    """Make the waiting guesses as large as the limits of a run allow.

    The result depends only on the study's stored facts and on these limits, so it does not matter
    how often this is called. A study that began under another rule, or before there was one, keeps
    its guesses as they are.

    Args:
        config: includes the limits, also those of a time budget.
        say: is called with a message if guesses are made smaller.

    Raises:
        CaseError: `suggest` fails.
    """
    facts, trials = facts_of(study), study.get_trials(deepcopy=False)
    waiting = {trial.user_attrs[GUESS]: trial for trial in trials if is_new_guess(trial)}
    if not waiting or facts.get("guesses_keep_limits") != KEEPS_LIMITS:
        return
    taken = (trial.user_attrs for trial in trials if TAKEN in trial.user_attrs)
    tried = [told[HYPERPARAMETERS] for told in taken if HYPERPARAMETERS in told]
    wanted = facts["guesses"]
    fitting, changed = within_limits(wanted, config, tried), False
    for place, trial in sorted(waiting.items()):
        if trial.system_attrs.get(QUEUED) != fitting[place]:
            storage_of(study).set_trial_system_attr(row_of_trial(trial), QUEUED, fitting[place])
            changed = True
    smaller = [place for place in sorted(waiting) if fitting[place] != wanted[place]]
    if changed and smaller:
        now, before = fitting[smaller[0]], wanted[smaller[0]]
        values = (f"{name}={now[name]}" for name in now if before.get(name) != now[name])
        say(
            "Guesses that are over a limit are made smaller; the first of these has "
            f"{', '.join(values)}."
        )
