"""Trains one configuration of a study once more, to keep the model, or several as an ensemble."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.bundle.manifest import refuse_to_replace, write_bundle
from tuner.case.contract import shape_of
from tuner.case.reference import is_file
from tuner.data.reading import BY_CASE, BY_COLUMNS, UNKNOWN
from tuner.data.tensors import checksum_in
from tuner.depot.contract import MOST_MODELS
from tuner.depot.use import files_in_use
from tuner.engines.cards import card_facts, refuse_missing
from tuner.errors import DepotError, StoreError, StudyError, UsageError
from tuner.evidence.jobs import configuration_of
from tuner.machine import machine
from tuner.naming import FOR_FOLDER, folder_name
from tuner.runs.models.again import as_one, numbers_by_seed, train_again
from tuner.runs.models.keeping import making, place_of
from tuner.runs.models.loop_retraining import retrain_loop
from tuner.runs.models.partial import confirm_partial, partial_of
from tuner.runs.models.tested import tested_models
from tuner.study.arms import arms_of
from tuner.study.dashboard import publish_bundle
from tuner.study.database.storage import is_read_only
from tuner.study.loop_reopening import is_of_loop
from tuner.study.reopening import config_of
from tuner.study.store import facts_of, load_study
from tuner.training.device import CARD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.data.dataset import Dataset
    from tuner.depot.contract import Depot
    from tuner.runs.models.tested import ModelsOfTest
    from tuner.runs.settings import RetrainingSettings
    from tuner.study.configuration import StudyConfig
    from tuner.workplace import Workplace


def retrain(
    settings: RetrainingSettings, tell: Callable[[str], None] = lambda _text: None
) -> Path | str:
    """Train an arm or a trial again, and write a bundle; return its folder, or its URL in S3.

    The same arm and seed on the same machine give the same weights, bit for bit. With a seed of the
    confirmation they are the weights that were confirmed, and then the manifest has their test
    scores. For an ensemble of all confirmed models, it has the scores of that ensemble.

    Args:
        tell: is called with a line on how `only` compares with the baseline, and one if the bundle
            could not be shown in the dashboard.

    Raises:
        UsageError: there is no such study or trial, `out` exists and is not a bundle, the number of
            models is impossible, or several models of a loop are asked for.
        DataError: the data is gone, or is not the data of the study.
        StudyError: the arm has no complete trial, or the training failed.
        EngineError: the study was begun on a GPU, and this machine has none.
        DepotError: the place of bundles cannot be reached; this is checked before the training.
    """
    if wrong := _wrong_number(settings):
        raise UsageError(wrong)
    with files_in_use(settings.stored.workplace.root):
        return _retrain(settings, tell)


def _wrong_number(settings: RetrainingSettings) -> str | None:
    """Return what is wrong with the requested number of models; None if nothing is."""
    if not 1 <= settings.models <= MOST_MODELS:
        return f"got {settings.models} models; an ensemble takes 1 to {MOST_MODELS}"
    if settings.models > 1 and settings.seed is not None:
        return "a seed trains one model; leave the seed out to train an ensemble of several"
    return None


def _retrain(settings: RetrainingSettings, tell: Callable[[str], None]) -> Path | str:
    """Choose the configuration, and train it as its study does: a case, or a loop."""
    stored = settings.stored
    workplace = stored.workplace
    study = load_study(workplace.url, stored.study)
    chosen = _chosen(study, settings)
    label = f"trial-{chosen.number}" if settings.trial is not None else settings.arm
    depot = workplace.depot
    if not is_of_loop(study):
        return _retrain_case(study, chosen, settings, depot, label, tell)
    if settings.models > 1:
        raise UsageError(
            "a loop of your own decides which files it keeps, so several models cannot be "
            "combined; leave --models out"
        )
    return retrain_loop(study, chosen, settings, depot, label, tell)


def _retrain_case(
    study: optuna.Study,
    chosen: FrozenTrial,
    settings: RetrainingSettings,
    depot: Depot,
    label: str,
    tell: Callable[[str], None],
) -> Path | str:
    """Train models of a case, and write their bundle to the place of bundles.

    Args:
        label: beginning of the bundle's name, unless it has only some changes.
    """
    stored = settings.stored
    workplace, name = stored.workplace, folder_name(stored.study, FOR_FOLDER)
    config = config_of(study, workplace, stored.case_file, stored.data_dir)
    refuse_missing(config.plan)
    partial = partial_of(study, config.case, settings.only) if settings.only else None
    told = {}
    if partial:
        if settings.out is not None:
            refuse_to_replace(settings.out)  # before an hour of training, not after
        told = partial.manifest(confirm_partial(study, config, partial, settings, tell))
    tested = tested_models(study, config, chosen, partial)
    seeds = _seeds(config, tested, settings)
    called = folder_name(partial.label, FOR_FOLDER) if partial else label
    number = f"-{len(seeds)}-models" if len(seeds) > 1 else ""
    label = f"{called}{number}-seed-{seeds[0]}"
    with making(settings.out, depot, name, label) as bundle:
        refuse_to_replace(bundle)  # before an hour of training, not after
        manifest = {**_manifest(study, config, chosen, seeds), **told}
        configuration = partial.configuration if partial else configuration_of(chosen)
        bundle.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".retrain.", dir=bundle.parent) as work:
            files = {seed: Path(work) / f"seed-{seed}" for seed in seeds}
            train_again(config, configuration, files, tested)
            digests = {seed: checksum_in(file) for seed, file in files.items()}
            scores, why_not = tested.scores_of(digests)
            weights = as_one(config, configuration, list(files.values()))
            validation = None if partial else {config.case.metric.name: chosen.value}
            manifest["metrics"] = {"validation": validation, "test": scores, "why_no_test": why_not}
            write_bundle(bundle, weights, manifest)
        _show_in_dashboard(study, bundle, workplace, tell)
    return place_of(settings.out, depot, name, label)


def _show_in_dashboard(
    study: optuna.Study, bundle: Path, workplace: Workplace, tell: Callable[[str], object]
) -> None:
    """Make the bundle an artifact of the study; the model is complete even if this fails."""
    try:
        if is_read_only(workplace.url):
            raise StoreError("its database may only be read")
        publish_bundle(study, bundle, workplace.depot)
    except (StoreError, DepotError, OSError) as error:
        name = study.study_name
        tell(f"Nothing was recorded in study {name!r}: {error}. The bundle is complete.")


def _chosen(study: optuna.Study, settings: RetrainingSettings) -> FrozenTrial:
    if settings.trial is not None:
        return _trial(study, settings.trial)
    return _arm(study, settings.arm)


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
            f"{name} has no complete trial in study {study.study_name!r}; continue the study"
        )
    return arms[name]


def _seeds(config: StudyConfig, tested: ModelsOfTest, settings: RetrainingSettings) -> list[int]:
    """Return the seeds of the models: the requested one, or the first of the test."""
    if settings.seed is not None:
        return [settings.seed]
    return list(numbers_by_seed(config, tested))[: settings.models]


def _manifest(
    study: optuna.Study, config: StudyConfig, trial: FrozenTrial, seeds: Sequence[int]
) -> dict[str, Any]:
    """Return everything but the metrics, which belong to specific weights."""
    facts, data = facts_of(study), config.dataset
    configuration = configuration_of(trial)
    return {
        "case": config.case.name,
        "reference": config.reference,
        **({"source": asdict(config.source)} if is_file(config.reference) else {}),
        "study": study.study_name,
        "trial": trial.number,
        "seed": seeds[0],
        **({"models": len(seeds), "seeds": seeds} if len(seeds) > 1 else {}),
        "epochs": configuration.epochs,
        "hyperparameters": configuration.hyperparameters,
        "task": config.case.task,
        "shape": _shape(data),
        "preprocessing": {
            "kind": "raw" if data.raw else "image" if data.pixels else "table",
            **({"type": str(data.development.features.dtype)} if data.raw else {}),
            "pixels": facts["data"]["pixels"],
            "columns": data.columns,
            **({"table": data.table.facts()} if data.table else {}),
            "read": _reading(facts, config),
            "scalers": "mean and standard deviation of features and targets are in the weights",
        },
        "classes": data.classes,
        "target": facts["data"].get("target"),
        "data": {key: facts["data"][key] for key in ("name", "source", "fingerprint")},
        "plan": facts["plan"],
        "machine": machine(),
        **({"cards": card_facts()} if config.plan.device == CARD else {}),
    }


def _shape(data: Dataset) -> dict[str, Any]:
    shape = shape_of(data)
    categories = {"categories": shape.categories} if shape.categories else {}
    return {"inputs": shape.inputs, "outputs": shape.outputs, **categories}


def _reading(facts: dict[str, Any], config: StudyConfig) -> str:
    """Return how input files are read; older studies do not store it."""
    if config.case.read is not None:
        return BY_CASE
    return str(facts["data"].get("reading") or (BY_COLUMNS if config.dataset.columns else UNKNOWN))
