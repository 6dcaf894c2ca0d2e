"""The user's own configurations, enqueued as the next trials of a study."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from optuna.trial import FixedTrial, TrialState

from tuner.case.assignments import split_pairs
from tuner.case.space import parse_fixed
from tuner.errors import UsageError
from tuner.study.schema import HYPERPARAMETERS, SESSIONS, TRIED
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import optuna

    from tuner.case.contract import Case
    from tuner.runs.settings import StudySettings


@dataclass(frozen=True, slots=True)
class Try:
    """A configuration that the user asked for.

    Attributes:
        typed: as it was typed.
        values: the parsed values.
        params: everything that `suggest` draws for it.
        hyperparameters: result of `suggest` for it.
    """

    typed: str
    values: Mapping[str, Any]
    params: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]


def parse_tries(case: Case, fixed: Mapping[str, Any], tries: Iterable[str]) -> list[Try]:
    """Parse --try NAME=VALUE,...; other values are the study's fixed ones, or the baseline's.

    Raises:
        UsageError: a name or value is outside the search space, is fixed to another value, or has
            no effect with the others.
    """
    return [_parse(case, fixed, typed) for typed in tries]


def _parse(case: Case, fixed: Mapping[str, Any], typed: str) -> Try:
    values = parse_fixed(case, split_pairs(typed), "--try")
    refuse_other_than_fixed(typed, values, fixed)
    trial = FixedTrial({**asdict(case.baseline), **fixed, **values})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Optuna warns if a value is out of range
            found = asdict(case.suggest(trial))
    except Exception as error:
        raise UsageError(
            f"--try {typed} is outside the search space: {case.blame(error)}; name the "
            "hyperparameters that have to change with it"
        ) from error
    unread = [name for name in values if name not in trial.params]
    if unread:
        raise UsageError(
            f"--try {typed}: {', '.join(unread)} would change nothing, because the search space "
            "does not draw it with these values; also name the values that make it count"
        )
    return Try(typed, values, dict(trial.params), found)


def enqueue_tries(study: optuna.Study, tries: Sequence[Try], say: Callable[[str], None]) -> None:
    """Enqueue each as a trial, unless the study already has that configuration."""
    for one in tries:
        number = _number_of(study, one)
        if number is not None:
            say(f"--try {one.typed}: trial {number} is this configuration already.")
        else:
            study.enqueue_trial(dict(one.params), user_attrs={TRIED: dict(one.values)})


def with_trials_of(study: optuna.Study, settings: StudySettings) -> StudySettings:
    """Return the settings of a run, with the number of trials that a user expects after --try.

    If --try is the only request for a study that has trials, the search does not continue: the
    study ends with as many trials as its last run was asked for, plus those of --try.
    """
    done = finished(study)
    if not (settings.trials_by_default and settings.tries and done):
        return settings
    *_, last = study.user_attrs.get(SESSIONS) or [{}]
    return replace(settings, trials=last.get("trials") or done)


def refuse_other_than_fixed(
    typed: str, values: Mapping[str, Any], fixed: Mapping[str, Any]
) -> None:
    """Raise an error if --try gives another value than the one that a study fixes.

    Raises:
        UsageError: it does.
    """
    for name, value in values.items():
        if name in fixed and fixed[name] != value:
            raise UsageError(
                f"--try {typed}: this study fixes {name}={fixed[name]}; leave {name} out, or "
                "try it in a study without that --fix"
            )


def total_with_tries(study: optuna.Study, total: int) -> int:
    """Return how many trials a study ends with, so that requested ones are included."""
    trials = study.get_trials(deepcopy=False)
    waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
    asked = [trial.number for trial in trials if TRIED in trial.user_attrs]
    ahead = sum(number <= max(asked) for number in waiting) if set(asked) & set(waiting) else 0
    return max(total, finished(study) + ahead) if ahead else total


def _number_of(study: optuna.Study, one: Try) -> int | None:
    for trial in study.get_trials(deepcopy=False):
        facts = trial.user_attrs
        if facts.get(HYPERPARAMETERS) == one.hyperparameters and trial.state != TrialState.FAIL:
            return trial.number
        if facts.get(TRIED) == one.values and trial.state == TrialState.WAITING:
            return trial.number
    return None
