"""Loads studies from the database by name, and recognises those that tuner has made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from tuner.errors import StoreError, unknown_name
from tuner.study.database.storage import open_storage
from tuner.study.schema import EVIDENCE, FACTS
from tuner.unpromised.by_optuna import row_of_trial, storage_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def load_study(url: str, name: str) -> optuna.Study:
    """Load a study that tuner has made.

    Raises:
        UsageError: there is no study of that name.
        StoreError: the database cannot be opened, or the study was not made by tuner.
    """
    storage = open_storage(url, create=False)
    known = optuna.get_all_study_names(storage)
    if name not in known:
        searches = [one for one in known if not one.endswith(evidence_name(""))]
        raise unknown_name("study", "studies", name, searches)
    study = optuna.load_study(study_name=name, storage=storage)
    facts_of(study)
    return study


def evidence_name(name: str) -> str:
    """Return the name of the study with the trainings after the search of study `name`."""
    return f"{name}/evidence"


def open_evidence(study: optuna.Study) -> optuna.Study:
    """Return the study with the trainings after another's search; make it if necessary."""
    evidence = optuna.create_study(
        study_name=evidence_name(study.study_name),
        storage=storage_of(study),
        direction=study.direction,
        load_if_exists=True,
    )
    if EVIDENCE not in evidence.user_attrs:
        evidence.set_user_attr(EVIDENCE, study.study_name)
    return evidence


def evidence_of(study: optuna.Study) -> optuna.Study | None:
    """Return the study of the trainings after the search, if there is one."""
    name = evidence_name(study.study_name)
    try:
        return optuna.load_study(study_name=name, storage=storage_of(study))
    except KeyError:  # asking for all names first would read every study of the store
        return None


def placebo_name(name: str) -> str:
    """Return the name of the placebo of study `name`, its search on shuffled targets."""
    return f"{name}-placebo"


def facts_of(study: optuna.Study) -> dict[str, Any]:
    """Return the settings that a study was made with.

    Raises:
        StoreError: the study was not made by tuner.
    """
    attributes = study.user_attrs  # each access reads and copies them
    facts: dict[str, Any] | None = attributes.get(FACTS)
    if EVIDENCE in attributes:
        raise StoreError(
            f"study {study.study_name!r} holds the trainings after the search of "
            f"{attributes[EVIDENCE]!r}; name that one"
        )
    if facts is None:
        raise StoreError(
            f"study {study.study_name!r} was not made by tuner; name another. If it is a search of "
            "Optuna's, search its objective here (tuner study FILE.py:FUNCTION --name NEW), with "
            "its best values as --try NAME=VALUE,...: they are confirmed like all others"
        )
    return facts


@contextmanager
def readable(study: str) -> Iterator[None]:
    """Convert errors from a study whose stored facts do not have tuner's format.

    Args:
        study: its name.

    Raises:
        StoreError: they do not.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StoreError(
            f"the record of study {study!r} was not written by tuner, or was altered since: "
            f"{error!r}"
        ) from error


def settle(study: optuna.Study) -> int:
    """Put trials that a dead or interrupted coordinator left running back into the queue.

    They keep their number, hyperparameters and seed, so running them again from the start gives
    the same result. If they stayed RUNNING, TPE would always count them as bad.

    Returns:
        How many there were.
    """
    left = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in left:
        storage_of(study).set_trial_state_values(row_of_trial(trial), TrialState.WAITING)
    return len(left)
