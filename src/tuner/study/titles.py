"""Names for optuna-dashboard: what the score is called, and which studies hold evidence."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import ExperimentalWarning

from tuner.study.store import evidence_name, facts_of
from tuner.unpromised.by_optuna import storage_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def name_for_dashboard(study: optuna.Study) -> None:
    """Name the score of a study and of its evidence, and describe the evidence in a note.

    A note that a person has written stays.

    Raises:
        StoreError: the study was not made by tuner.
    """
    facts = facts_of(study)
    _name_score(study, facts)
    name = evidence_name(study.study_name)
    if name not in optuna.get_all_study_names(storage_of(study)):
        return
    evidence = optuna.load_study(study_name=name, storage=storage_of(study))
    _name_score(evidence, facts)
    from optuna_dashboard import get_note, save_note  # imports a web server

    if not get_note(evidence):
        save_note(
            evidence,
            f"These are not trials of a search. They are the trainings after the search of study "
            f"`{study.study_name}`, on fresh seeds and folds. The results are in the note of "
            f"`{study.study_name}`.",
        )


def _name_score(study: optuna.Study, facts: Mapping[str, Any]) -> None:
    names = [f"validation {facts['metric']}"]
    if study.metric_names != names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(names)
