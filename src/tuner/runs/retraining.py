"""Train one configuration of a study once more, to keep the model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.bundle.bundle import refuse_to_replace, write_bundle
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed, Finished, Replica, run_all
from tuner.errors import StudyError, UsageError
from tuner.evidence.confirmation import configuration_of
from tuner.evidence.final import final_job
from tuner.evidence.jobs import job_of, seed_of, trained_with
from tuner.machine import machine
from tuner.naming import folder_name
from tuner.study.arms import arms_of
from tuner.study.dashboard import publish_bundle
from tuner.study.reopening import config_of
from tuner.study.schema import CONFIRMATION
from tuner.study.store import facts_of, load_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.evidence.jobs import Configuration
    from tuner.runs.settings import RetrainingSettings
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


def retrain(settings: RetrainingSettings) -> Path:
    """Train an arm or a trial again, and write a bundle; return the bundle's folder.

    The same arm and seed on the same machine give the same weights, bit for bit; with a seed of the
    confirmation they are the weights that were confirmed, and the manifest has their test scores.

    Raises:
        UsageError: no such study or trial, or `out` is there and is no bundle.
        DataError: the data is gone, or is not the data of the study.
        StudyError: the arm has no complete trial, or the training failed.
    """
    stored, number = settings.stored, settings.trial
    workplace = stored.workplace
    study = load_study(workplace.url, stored.study)
    chosen = _trial(study, number) if number is not None else _arm(study, settings.arm)
    config = config_of(study, workplace, stored.case_file, stored.data_dir)
    seed = seed_of(config.seed, 0) if settings.seed is None else settings.seed
    label = f"trial-{number}" if number is not None else settings.arm
    bundle = settings.out or workplace.bundles(folder_name(stored.study)) / f"{label}-seed-{seed}"
    refuse_to_replace(bundle)  # before an hour of training, not after
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".retrain.", dir=bundle.parent) as work:
        weights = Path(work) / "weights"
        _train(study, config, configuration_of(chosen), seed, weights)
        write_bundle(bundle, weights, _manifest(study, config, chosen, seed))
    publish_bundle(study, bundle, workplace.artifacts)
    return bundle


def _trial(study: optuna.Study, number: int) -> FrozenTrial:
    trials = study.get_trials(deepcopy=False)
    complete = [trial.number for trial in trials if trial.state == TrialState.COMPLETE]
    if number not in complete:
        state = f"is {trials[number].state.name}" if number < len(trials) else "does not exist"
        raise UsageError(
            f"trial {number} {state}; a bundle needs a complete trial: "
            f"{', '.join(map(str, complete)) or 'there is none yet'}"
        )
    return trials[number]


def _arm(study: optuna.Study, name: str) -> FrozenTrial:
    arms = arms_of(study)
    if name not in arms:
        raise StudyError(
            f"{name} has no complete trial in study {study.study_name!r}; go on with the study"
        )
    return arms[name]


def _train(
    study: optuna.Study, config: StudyConfig, configuration: Configuration, seed: int, weights: Path
) -> None:
    """Train as a confirmation does with this seed, or on all development data with a new one."""

    def on_end(_key: int, event: Finished | Failed, _points: Sequence[ReportPoint]) -> None:
        if isinstance(event, Failed):
            raise StudyError(f"retraining failed: {event.reason}; try another --seed")

    confirmed = study.user_attrs.get(CONFIRMATION, {}).get("seeds") or [seed_of(config.seed, 0)]
    if seed in confirmed:  # with those that it was confirmed with, to be the same, bit for bit
        own = confirmed.index(seed)
        together = trained_with(config, configuration, own)
        job = final_job(config, configuration, {n: weights if n == own else None for n in together})
    else:
        job = job_of(config, configuration, [Replica(seed=seed, split_seed=None, weights=weights)])
    run_all(InProcessEngine(), {0: job}, on_end)


def _manifest(
    study: optuna.Study, config: StudyConfig, trial: FrozenTrial, seed: int
) -> dict[str, Any]:
    facts, data = facts_of(study), config.dataset
    configuration = configuration_of(trial)
    return {
        "case": config.case.name,
        "reference": config.reference,
        "study": study.study_name,
        "trial": trial.number,
        "seed": seed,
        "epochs": configuration.epochs,
        "hyperparameters": configuration.hyperparameters,
        "task": config.case.task,
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
            "validation": {config.case.metric: trial.value},
            "test": _confirmed(study, trial.number, seed),
        },
        "plan": facts["plan"],
        "machine": machine(),
    }


def _confirmed(study: optuna.Study, trial: int, seed: int) -> dict[str, float] | None:
    """Return the test scores of exactly this model, where the confirmation has measured them."""
    confirmation = study.user_attrs.get(CONFIRMATION)
    if not confirmation or seed not in confirmation["seeds"]:
        return None
    for arm in confirmation["arms"].values():
        if arm["trial"] == trial:
            scores: dict[str, float] = arm["scores"][confirmation["seeds"].index(seed)]
            return scores
    return None
