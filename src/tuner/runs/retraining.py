"""Train one configuration of a study once more, to keep the model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from optuna.trial import TrialState

from tuner.bundle.bundle import refuse_to_replace, write_bundle
from tuner.data.reading import BY_CASE, BY_COLUMNS, UNKNOWN
from tuner.data.tensors import checksum_in
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed, Finished, Replica, run_all
from tuner.errors import EngineError, StoreError, StudyError, UsageError
from tuner.evidence.confirmation import configuration_of
from tuner.evidence.final import final_job
from tuner.evidence.jobs import RACE, TEST, job_of, seed_of, trained_with
from tuner.machine import machine
from tuner.naming import FOR_FOLDER, folder_name
from tuner.runs.loop_retraining import retrain_loop
from tuner.runs.partial import partial_of
from tuner.study.arms import arms_of
from tuner.study.dashboard import publish_bundle
from tuner.study.loop_reopening import is_of_loop
from tuner.study.reopening import config_of
from tuner.study.schema import CONFIRMATION, TESTED_WEIGHTS
from tuner.study.store import facts_of, is_read_only, load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.evidence.jobs import Configuration
    from tuner.runs.settings import RetrainingSettings
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


def retrain(
    settings: RetrainingSettings, tell: Callable[[str], object] = lambda _text: None
) -> Path:
    """Train an arm or a trial again, and write a bundle; return the bundle's folder.

    The same arm and seed on the same machine give the same weights, bit for bit; with a seed of the
    confirmation they are the weights that were confirmed, and then the manifest has their test
    scores.

    Args:
        tell: is told, in one line, where the study could not be made to show the bundle.

    Raises:
        UsageError: no such study or trial, or `out` exists and is not a bundle.
        DataError: the data is gone, or is not the data of the study.
        StudyError: the arm has no complete trial, or the training failed.
        EngineError: the study was begun on a GPU, and this machine has none.
    """
    stored, number = settings.stored, settings.trial
    workplace = stored.workplace
    study = load_study(workplace.url, stored.study)
    chosen = _trial(study, number) if number is not None else _arm(study, settings.arm)
    label = f"trial-{number}" if number is not None else settings.arm
    if is_of_loop(study):
        if settings.only:
            raise UsageError("--only is for studies of a case; use --trial or --arm with a loop")
        bundles = workplace.bundles(folder_name(stored.study, FOR_FOLDER))
        return retrain_loop(study, chosen, settings, bundles, label)
    config = config_of(study, workplace, stored.case_file, stored.data_dir)
    if config.plan.device == "cuda" and not torch.cuda.is_available():
        raise EngineError(
            f"study {stored.study!r} was begun on a GPU, and this machine has none: a processor "
            "would train other weights. Run this command on a machine with a GPU"
        )
    seed = _tested(study, config)[0][0] if settings.seed is None else settings.seed
    configuration, partial = configuration_of(chosen), None
    if settings.only:
        partial = partial_of(study, config.case, settings.only)
        configuration, label = partial.configuration, folder_name(partial.label, FOR_FOLDER)
    bundle = (
        settings.out
        or workplace.bundles(folder_name(stored.study, FOR_FOLDER)) / f"{label}-seed-{seed}"
    )
    refuse_to_replace(bundle)  # before an hour of training, not after
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".retrain.", dir=bundle.parent) as work:
        weights = Path(work) / "weights"
        _train(study, config, configuration, seed, weights)
        manifest = _manifest(study, config, chosen, seed, checksum_in(weights))
        write_bundle(bundle, weights, manifest | (partial.manifest() if partial else {}))
    try:
        if is_read_only(workplace.url):
            raise StoreError("its database may only be read")
        publish_bundle(study, bundle, workplace.artifacts)
    except (StoreError, OSError) as error:  # the model is there; only the dashboard lacks it
        tell(f"Nothing was recorded in study {stored.study!r}: {error}. The bundle is complete.")
    return bundle


def _trial(study: optuna.Study, number: int) -> FrozenTrial:
    trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    complete = [n for n, trial in trials.items() if trial.state == TrialState.COMPLETE]
    if number not in complete:
        state = f"is {trials[number].state.name}" if number in trials else "does not exist"
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
            advice = "Try another --seed." if event.diverged else event.what_to_do
            raise StudyError(f"retraining failed: {event.reason}. {advice}")

    tested, stream = _tested(study, config)
    if seed in tested:  # with those that it was confirmed with, to be the same, bit for bit
        own = tested.index(seed)
        together = trained_with(config, configuration, own)
        files = {n: weights if n == own else None for n in together}
        job = final_job(config, configuration, files, stream)
    else:
        job = job_of(config, configuration, [Replica(seed=seed, split_seed=None, weights=weights)])
    run_all(InProcessEngine(), {0: job}, on_end)


def _tested(study: optuna.Study, config: StudyConfig) -> tuple[list[int], str]:
    """Return the seeds that have met the test, or the first that may, and their stream."""
    confirmation = study.user_attrs.get(CONFIRMATION)
    if not confirmation:
        return [seed_of(config.seed, 0, TEST)], TEST
    return confirmation["seeds"], confirmation.get("stream", RACE)


def _manifest(
    study: optuna.Study, config: StudyConfig, trial: FrozenTrial, seed: int, digest: str | None
) -> dict[str, Any]:
    facts, data = facts_of(study), config.dataset
    configuration = configuration_of(trial)
    tested, why_not = _confirmed(study, trial.number, seed, digest)
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
            "kind": "raw" if data.raw else "image" if data.pixels else "table",
            **({"type": str(data.development.features.dtype)} if data.raw else {}),
            "pixels": facts["data"]["pixels"],
            "columns": data.columns,
            "read": _reading(facts, config),
            "scalers": "mean and standard deviation of features and targets are in the weights",
        },
        "classes": data.classes,
        "target": facts["data"].get("target"),
        "data": {key: facts["data"][key] for key in ("name", "source", "fingerprint")},
        "metrics": {
            "validation": {config.case.metric.name: trial.value},
            "test": tested,
            "why_no_test": why_not,
        },
        "plan": facts["plan"],
        "machine": machine(),
    }


def _reading(facts: dict[str, Any], config: StudyConfig) -> str:
    """Say how input files are read; older studies have not kept it."""
    if config.case.read is not None:
        return BY_CASE
    return str(facts["data"].get("reading") or (BY_COLUMNS if config.dataset.columns else UNKNOWN))


def _confirmed(
    study: optuna.Study, trial: int, seed: int, digest: str | None
) -> tuple[dict[str, float] | None, str | None]:
    """Return the test scores of exactly this model, where the confirmation has measured them.

    Args:
        digest: of the model's weights, which have to be those that met the test.

    Returns:
        The scores, or why there are none.
    """
    confirmation = study.user_attrs.get(CONFIRMATION, {})
    tested = [arm for arm in confirmation.get("arms", {}).values() if arm["trial"] == trial]
    if not tested or seed not in confirmation["seeds"]:
        return None, "no model of this trial with this seed has met the test"
    index = confirmation["seeds"].index(seed)
    digests = study.user_attrs.get(TESTED_WEIGHTS, {}).get(str(trial), [])
    if len(digests) <= index:
        return None, "the study does not say which weights met the test; they may be others"
    if digest is None or digests[index] != digest:
        return None, (
            "the model of this trial and seed that met the test has other weights: it was trained "
            "on another machine, or by other code"
        )
    scores: dict[str, float] = tested[0]["scores"][index]
    return scores, None
