"""Train one configuration of a study on all development data, as confirmation does."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from tuner.bundle import write_bundle
from tuner.case import load_case
from tuner.cli import STORAGE
from tuner.data import cache
from tuner.data.sources import Folders
from tuner.engines.inprocess import InProcessEngine
from tuner.errors import DataError, StudyError, UsageError
from tuner.evidence.confirmation import (
    CONFIRMATION,
    Arm,
    arm_of,
    final_job,
    find_arms,
    seed_of,
)
from tuner.fits import Failed, Finished, run_all
from tuner.manifest import machine
from tuner.naming import folder_name
from tuner.plan import Plan
from tuner.study.opening import Brief
from tuner.study.store import facts_of, load_study

if TYPE_CHECKING:
    from tuner.case import Case
    from tuner.data.dataset import Dataset


def retrain(
    storage: str,
    study_name: str,
    *,
    arm: str | None = None,
    number: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    data_dir: Path | None = None,
) -> Path:
    """Train an arm (best unless said otherwise) or a trial again, and write a bundle.

    The same arm and seed on the same machine give the same weights, bit for bit; with a seed of the
    confirmation they are the weights that were confirmed, and the manifest has their test scores.

    Returns:
        The bundle's folder.

    Raises:
        UsageError: no such study or trial.
        DataError: the data is gone, or is not the data of the study.
        StudyError: the arm has no complete trial, or the training failed.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = load_study(storage, study_name)
    facts = facts_of(study)
    chosen = _trial(study, number) if number is not None else _arm(study, arm or "best")
    case = load_case(facts["reference"])
    dataset, folder = _data(case, facts, data_dir)
    seed = seed_of(facts["seed"], 0) if seed is None else seed
    brief = Brief(
        case=case,
        reference=facts["reference"],
        dataset=dataset,
        data_folder=folder,
        seed=facts["seed"],
        fixed=facts["fixed"],
        plan=Plan(**facts["plan"]),
    )
    label = f"trial-{number}" if number is not None else arm or "best"
    bundle = out or STORAGE / "bundles" / folder_name(study_name) / f"{label}-seed-{seed}"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".retrain.", dir=bundle.parent) as work:
        weights = Path(work) / "weights"
        _train(brief, chosen, seed, weights)
        write_bundle(bundle, weights, _manifest(study, brief, chosen, seed))
    return bundle


def _trial(study: optuna.Study, number: int) -> Arm:
    trials = study.get_trials(deepcopy=False)
    complete = [trial.number for trial in trials if trial.state == TrialState.COMPLETE]
    if number not in complete:
        state = f"is {trials[number].state.name}" if number < len(trials) else "does not exist"
        raise UsageError(
            f"trial {number} {state}; a bundle needs a complete trial: "
            f"{', '.join(map(str, complete)) or 'there is none yet'}"
        )
    return arm_of(trials[number])


def _arm(study: optuna.Study, name: str) -> Arm:
    arms = find_arms(study)
    if name not in arms:
        raise StudyError(
            f"{name} has no complete trial in study {study.study_name!r}; go on with the study"
        )
    return arms[name]


def _data(case: Case, facts: dict[str, Any], data_dir: Path | None) -> tuple[Dataset, Path]:
    """Take the study's data from the cache, or find it again and check that it is the same."""
    expected = facts["data"]["fingerprint"]
    folder = cache.folder_of(STORAGE / "cache", expected)
    if not cache.is_whole(folder):
        found = case.load(Folders(given=data_dir, own=STORAGE / "data"))
        if found.fingerprint != expected:
            raise DataError(
                f"the study was made on {facts['data']['name']} with fingerprint "
                f"{expected[:12]}, and what was found is {found.name} with "
                f"{found.fingerprint[:12]}; name the folder of the study's data with --data-dir"
            )
        cache.store(found, STORAGE / "cache")
    return cache.load(folder), folder


def _train(brief: Brief, arm: Arm, seed: int, weights: Path) -> None:
    def on_end(_key: int, event: Finished | Failed) -> None:
        if isinstance(event, Failed):
            raise StudyError(f"retraining failed: {event.reason}; try another --seed")

    job = replace(final_job(brief, arm, seed), weights=weights)
    run_all(InProcessEngine(), {0: job}, on_end)


def _manifest(study: optuna.Study, brief: Brief, arm: Arm, seed: int) -> dict[str, Any]:
    facts, data = facts_of(study), brief.dataset
    trial = study.get_trials(deepcopy=False)[arm.trial]
    return {
        "case": brief.case.name,
        "reference": brief.reference,
        "study": study.study_name,
        "trial": arm.trial,
        "seed": seed,
        "epochs": arm.epochs,
        "hyperparameters": arm.hyperparameters,
        "task": brief.case.task,
        "shape": {"inputs": data.row_shape, "outputs": data.outputs},
        "preprocessing": {
            "kind": "image" if data.pixels else "table",
            "pixels": facts["data"]["pixels"],
            "columns": data.columns,
            "scalers": "mean and standard deviation of features and targets are in the weights",
        },
        "classes": data.classes,
        "data": {key: facts["data"][key] for key in ("name", "source", "fingerprint")},
        "metrics": {
            "validation": {brief.case.metric: trial.value},
            "test": _confirmed(study, arm.trial, seed),
        },
        "plan": facts["plan"],
        "machine": machine(),
    }


def _confirmed(study: optuna.Study, trial: int, seed: int) -> dict[str, float] | None:
    """Return the test scores of exactly this model, where the confirmation has measured them."""
    confirmation = study.user_attrs.get(CONFIRMATION)
    if confirmation is None or seed not in confirmation["seeds"]:
        return None
    for arm in confirmation["arms"].values():
        if arm["trial"] == trial:
            scores: dict[str, float] = arm["scores"][confirmation["seeds"].index(seed)]
            return scores
    return None
