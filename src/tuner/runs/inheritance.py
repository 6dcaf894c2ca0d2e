"""Begins a study with the finished trials of another, whose search space had to change.

Only trials that the new study could have trained itself are taken over: with the same data and
folds, the same seed, metric and training code, and a configuration in the new space with the fixed
values. The sampler and the pruner then learn from them as from its own trials.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optuna.trial import FixedTrial, TrialState, create_trial

from tuner.errors import StudyError
from tuner.study.design import Design
from tuner.study.identity import changes
from tuner.study.schema import (
    ALONGSIDE,
    ANSWERED,
    ARM,
    BEGUN,
    GUESS,
    HYPERPARAMETERS,
    PARENT,
    TAKEN,
)
from tuner.study.store import facts_of
from tuner.study.trials import scored_trials
from tuner.training.plan import Plan

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from tuner.study.change import Change
    from tuner.study.configuration import StudyConfig
    from tuner.training.plan import Precision

NOT_TAKEN = (ALONGSIDE, ANSWERED, BEGUN)  # facts about the other study's running trials and time
CONSTRAINTS = "constraints"  # prefix of the attributes by which TPE knows what is over a limit


def check_parent(
    parent: optuna.Study, config: StudyConfig, precision: Precision | None = None, *, accept: bool
) -> None:
    """Refuse a study whose trials the new one could not have trained itself.

    Args:
        precision: the requested one; None for that of the parent.
        accept: whether to take trials over although the code of the case or of tuner has changed.

    Raises:
        StudyError: something besides the search space is different.
    """
    stored = facts_of(parent)
    if Design.of(stored).folds_in_search != Design.of(config.facts()).folds_in_search:
        raise StudyError(
            f"no trial of study {parent.study_name!r} can be taken over: its search trained on "
            "another number of folds. Leave --from out to begin without them"
        )
    found = [
        change
        for change in changes(stored, config.facts(), precision)
        if not _is_about_the_space(change) and not (accept and change.can_be_accepted)
    ]
    if found:
        raise StudyError(
            f"no trial of study {parent.study_name!r} can be taken over: "
            f"{'; '.join(change.said for change in found)}. Leave --from out to begin without them"
            + (
                ", or add --accept-changes if only the search space was changed in the code"
                if all(change.can_be_accepted for change in found)
                else ""
            )
        )


def plan_of(parent: optuna.Study) -> Plan:
    """Return the plan of a study's fits."""
    return Plan(**facts_of(parent)["plan"])


def take_over(study: optuna.Study, parent: optuna.Study, config: StudyConfig) -> str:
    """Add the fitting finished trials of a parent to a study; return a message about it.

    Trials that were added before are not added again, so an interrupted run can continue.

    Raises:
        StudyError: the study has trials of its own, or another parent.
    """
    told: dict[str, Any] | None = study.user_attrs.get(PARENT)
    if told is None and study.get_trials(deepcopy=False):
        raise StudyError(
            f"study {study.study_name!r} has begun without --from; leave it out, or choose "
            "another name with --name"
        )
    begun = {"study": parent.study_name, "identity": facts_of(parent).get("identity")}
    renamed = told is not None and told["identity"] and told["identity"] == begun["identity"]
    if told is not None and told["study"] != parent.study_name and not renamed:
        raise StudyError(
            f"study {study.study_name!r} was begun --from {told['study']}, not "
            f"{parent.study_name}; name that one, or choose another name with --name"
        )
    if told is None or "taken" not in told:
        study.set_user_attr(PARENT, begun)
        taken, left = _add_fitting(study, parent, config)
        told = {**begun, "taken": taken, "left": left}
        study.set_user_attr(PARENT, told)
    return (
        f"{told['taken']} finished trials of study {parent.study_name!r} are taken over; "
        f"{told['left']} do not fit the search space."
    )


def _add_fitting(study: optuna.Study, parent: optuna.Study, config: StudyConfig) -> tuple[int, int]:
    """Add the fitting finished trials of a parent; return how many fit, and how many do not."""
    finished = [one for one in scored_trials(parent) if HYPERPARAMETERS in one.user_attrs]
    there = {
        one.user_attrs[TAKEN]["trial"]
        for one in study.get_trials(deepcopy=False)
        if TAKEN in one.user_attrs
    }
    for trial in finished:
        fits = None if trial.number in there else _fitting(trial, parent, config)
        if fits is not None:
            _settle_guess(fits, parent, study)
            study.add_trial(fits)
    count = len(study.get_trials(deepcopy=False))
    return count, len(finished) - count


def _is_about_the_space(change: Change) -> bool:
    return change.what in {"--fix", "search space", "sampler", "pruner"} or change.what.startswith(
        ("baseline", "recipe")
    )


def _fitting(trial: FrozenTrial, parent: optuna.Study, config: StudyConfig) -> FrozenTrial | None:
    """Return a trial as one of the new study; None if it does not fit."""
    facts = trial.user_attrs
    arm = facts.get(ARM)
    is_arm = arm is not None and _plain(config.arms.get(arm)) == facts[HYPERPARAMETERS]
    values = dict(facts[HYPERPARAMETERS])
    drawn = FixedTrial(dict(trial.params))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Optuna warns if a value is out of range
            now = _plain(asdict(config.case.suggest(drawn)))
    except Exception:  # whatever a user's own suggest raises, this trial does not fit
        return None
    as_fixed = all(
        drawn.params[name] == value for name, value in config.fixed.items() if name in drawn.params
    )
    if now != values or not (is_arm or as_fixed):
        return None
    taken = {"study": parent.study_name, "trial": trial.number, **_origin(trial)}
    kept = {
        name: value
        for name, value in facts.items()
        if name not in NOT_TAKEN and (name != ARM or is_arm)
    }
    return create_trial(
        state=trial.state,
        value=trial.values[0] if trial.state == TrialState.COMPLETE else None,
        params=drawn.params,
        distributions=drawn.distributions,
        user_attrs={**kept, TAKEN: taken},
        system_attrs={
            name: value
            for name, value in trial.system_attrs.items()
            if name.startswith(CONSTRAINTS)
        },
        intermediate_values=trial.intermediate_values,
    )


def _settle_guess(trial: FrozenTrial, parent: optuna.Study, study: optuna.Study) -> None:
    """Keep a trial as a guess only if the new study has the same guess with that number."""
    place = trial.user_attrs.get(GUESS)
    if place is not None:
        guesses = [list(facts_of(one).get("guesses", ()))[place:] for one in (parent, study)]
        if not all(guesses) or guesses[0][0] != guesses[1][0]:
            del trial.user_attrs[GUESS]


def _origin(trial: FrozenTrial) -> dict[str, int]:
    """Return the number from which a training's seed was drawn: of its trial in its first study."""
    return {"seed_of": trial.user_attrs.get(TAKEN, {}).get("seed_of", trial.number)}


def _plain(values: object) -> Any:
    """Return values in their stored form: JSON has no tuples."""
    return json.loads(json.dumps(values))
