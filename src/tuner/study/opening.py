"""Makes a study, or opens an existing one after checking that it is the same."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import optuna
from optuna.trial import TrialState

from tuner.study.configuration import StudyConfig
from tuner.study.database.storage import open_storage
from tuner.study.design import KEPT
from tuner.study.identity import changes, refuse
from tuner.study.loops import LoopConfig
from tuner.study.schema import (
    ARM,
    CHANGES,
    CONCLUSIONS,
    CONFIRMATION,
    FACTS,
    GUESS,
    KEEPS_LIMITS,
    OPENINGS,
)
from tuner.study.store import evidence_name, facts_of, settle
from tuner.study.trials import finished
from tuner.unpromised.by_optuna import storage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage

    from tuner.study.change import Change
    from tuner.study.schema import AcceptedChange, Opening
    from tuner.training.plan import Plan, Precision

ConfigT = TypeVar("ConfigT", StudyConfig, LoopConfig)


def open_study(
    url: str,
    name: str,
    config: ConfigT,
    pruner: Callable[[str], BasePruner],
    choose: Callable[[], Plan] | None = None,
    precision: Precision | None = None,
    *,
    accept: bool = False,
    begin: Callable[[optuna.Study], None] | None = None,
) -> tuple[optuna.Study, ConfigT]:
    """Create the study, or open it after checking that it is the same one.

    Args:
        pruner: makes the study's pruner from its stored description.
        choose: finds the plan of a new study; None to use the config's.
        precision: the one asked for; an existing study must have been begun with it.
        accept: continue the study in spite of changes since it was begun, and record them.
        begin: is called with the study before baseline and recipe are enqueued, and may add trials.

    Returns:
        The study, with interrupted trials enqueued again, and the config with its identity and the
        plan that it was begun with. A study that has nothing but a failed baseline is begun anew.

    Raises:
        StoreError: the database cannot be used, or the study was not made by tuner.
        StudyError: a study of that name differs in something that its results depend on, and that
            was not accepted or cannot be.
        TunerError: as `choose` raises it; no new study is made then.
    """
    storage = open_storage(url, create=True)
    facts = config.facts()
    study = _present(storage, name)
    if study is not None and not _untold(study):
        stored = _same(study, facts, precision, accept=accept)
        settle(study)
    else:
        plan = choose() if choose else config.plan
        _remove_what_is_left(storage, name)
        study = study or _created(storage, name, config)
        own = {
            "plan": asdict(plan),
            "identity": uuid4().hex,
            "guesses": config.guessed(),
            "guesses_keep_limits": KEEPS_LIMITS,
        }
        stored = {**facts, **own}
        study.set_user_attr(FACTS, stored)
    if begin is not None:
        begin(study)
    _enqueue_arms(study, config)
    _enqueue_guesses(study, stored.get("guesses", ()))
    study.pruner = pruner(stored.get("pruner", ""))
    return study, config.begun_as(stored)


def _created(storage: BaseStorage, name: str, config: StudyConfig | LoopConfig) -> optuna.Study:
    return optuna.create_study(study_name=name, storage=storage, direction=config.direction)


def _enqueue_arms(study: optuna.Study, config: StudyConfig | LoopConfig) -> None:
    """Enqueue baseline and recipe, unless the study has them."""
    present = {trial.user_attrs.get(ARM) for trial in study.get_trials(deepcopy=False)}
    for arm, values in config.arms.items():
        if arm not in present:
            enqueue_arm(study, arm, values)


def _present(storage: BaseStorage, name: str) -> optuna.Study | None:
    """Load a study; None if there is none, or if it has nothing but a failed baseline."""
    if name not in optuna.get_all_study_names(storage):
        return None
    study = optuna.load_study(study_name=name, storage=storage)
    if FACTS in study.user_attrs and only_failures(study):
        optuna.delete_study(study_name=name, storage=storage)  # it begins anew, with the case fixed
        return None
    return study


def _same(
    study: optuna.Study, facts: dict[str, Any], precision: Precision | None, *, accept: bool
) -> dict[str, Any]:
    """Return the facts that a study was made with, updated by accepted changes.

    Raises:
        StudyError: they differ from `facts` or `precision`.
    """
    stored = facts_of(study)
    found = changes(stored, facts, precision)
    if not found:
        return stored
    if not (accept and all(change.can_be_accepted for change in found)):
        raise refuse(study.study_name, found)
    return _accept(study, stored, facts, found)


def enqueue_arm(study: optuna.Study, arm: str, values: Mapping[str, Any]) -> None:
    """Enqueue baseline or recipe as a trial."""
    study.enqueue_trial(dict(values), user_attrs={ARM: arm})


def _enqueue_guesses(study: optuna.Study, guesses: Sequence[Mapping[str, Any]]) -> None:
    """Enqueue those guesses of a study that are not in the queue yet, e.g. after an interrupt."""
    known = {trial.user_attrs.get(GUESS) for trial in study.get_trials(deepcopy=False)}
    for place, values in enumerate(guesses):
        if place not in known:
            study.enqueue_trial(dict(values), user_attrs={GUESS: place})


def _untold(study: optuna.Study) -> bool:
    """Whether the process that made the study was killed before it stored any facts."""
    return FACTS not in study.user_attrs and not study.get_trials(deepcopy=False)


def _remove_what_is_left(storage: BaseStorage, name: str) -> None:
    """Remove the evidence of a study that Optuna deleted, which left its evidence behind."""
    left = evidence_name(name)
    if left in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=left, storage=storage)


def _accept(
    study: optuna.Study, stored: dict[str, Any], facts: dict[str, Any], found: Sequence[Change]
) -> dict[str, Any]:
    """Record changes, drop conclusions made before them, and return the new facts.

    The order matters: if the process is killed in between, the study is refused again, and no
    change goes unrecorded.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    noted: list[AcceptedChange] = [
        {"when": when, "what": change.what, "was": change.was, "now": change.now}
        for change in found
    ]
    study.set_user_attr(CHANGES, [*study.user_attrs.get(CHANGES, []), *noted])
    if study.user_attrs.get(CONFIRMATION):
        openings: list[Opening] = study.user_attrs.get(OPENINGS, [])
        study.set_user_attr(OPENINGS, [{**opening, "seen": True} for opening in openings])
    for name in CONCLUSIONS:
        if study.user_attrs.get(name):
            study.set_user_attr(name, {})
    kept = {"plan": stored["plan"], "identity": stored.get("identity") or uuid4().hex}
    for what in ("sampler", "pruner"):
        if not any(change.what == what for change in found):
            kept[what] = stored.get(what, "")
    now = {name: value for name, value in facts.items() if name not in KEPT}
    accepted = {**stored, **now, **kept, "version": stored.get("version", facts["version"])}
    study.set_user_attr(FACTS, accepted)
    return accepted


def remove_if_empty(study: optuna.Study) -> None:
    """Remove a study without an ended trial, because the request cannot be fulfilled."""
    if not finished(study):
        optuna.delete_study(study_name=study.study_name, storage=storage_of(study))


def only_failures(study: optuna.Study) -> bool:
    """Whether a study has a failed baseline, no other that may still train, and no result."""
    trials = study.get_trials(deepcopy=False)
    baselines = [trial for trial in trials if trial.user_attrs.get(ARM) == "baseline"]
    failed = bool(baselines) and all(trial.state == TrialState.FAIL for trial in baselines)
    results = (TrialState.COMPLETE, TrialState.PRUNED)
    return failed and not any(trial.state in results for trial in trials)
