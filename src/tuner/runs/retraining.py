"""Train one configuration of a study once more, to keep the model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.bundle.bundle import refuse_to_replace, write_bundle
from tuner.case.contract import shape_of
from tuner.data.reading import BY_CASE, BY_COLUMNS, UNKNOWN
from tuner.data.tensors import checksum_in
from tuner.depot.use import files_in_use
from tuner.engines.cards import card_facts, refuse_missing
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed, Finished, Replica, run_all
from tuner.errors import DepotError, StoreError, StudyError, UsageError
from tuner.evidence.confirming_parts import name_of_part
from tuner.evidence.final import final_job, seeds_of
from tuner.evidence.jobs import configuration_of, job_of, stream_of, trained_with
from tuner.evidence.parts import parts_of
from tuner.machine import machine
from tuner.naming import FOR_FOLDER, folder_name
from tuner.runs.keeping import making, place_of
from tuner.runs.loop_retraining import retrain_loop
from tuner.runs.partial import confirm_partial, partial_of
from tuner.seeds import Stream
from tuner.study.arms import arms_of
from tuner.study.dashboard import publish_bundle
from tuner.study.loop_reopening import is_of_loop
from tuner.study.reopening import config_of
from tuner.study.schema import CONFIRMATION, TESTED_WEIGHTS
from tuner.study.store import facts_of, is_read_only, load_study
from tuner.training.device import CARD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.data.dataset import Dataset
    from tuner.evidence.jobs import Configuration
    from tuner.runs.partial import Partial
    from tuner.runs.settings import RetrainingSettings
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint
    from tuner.workplace import Workplace


def retrain(
    settings: RetrainingSettings, tell: Callable[[str], None] = lambda _text: None
) -> Path | str:
    """Train an arm or a trial again, and write a bundle; return its folder, or its URL in S3.

    The same arm and seed on the same machine give the same weights, bit for bit; with a seed of the
    confirmation they are the weights that were confirmed, and then the manifest has their test
    scores.

    Args:
        tell: is told, in a line each, how `only` compares with the baseline, and where the study
            could not be made to show the bundle.

    Raises:
        UsageError: no such study or trial, or `out` exists and is not a bundle.
        DataError: the data is gone, or is not the data of the study.
        StudyError: the arm has no complete trial, or the training failed.
        EngineError: the study was begun on a GPU, and this machine has none.
        DepotError: the place of bundles cannot be reached; it is asked before the training.
    """
    with files_in_use(settings.stored.workplace.root):
        return _retrain(settings, tell)


def _retrain(settings: RetrainingSettings, tell: Callable[[str], None]) -> Path | str:
    """Train it, and write the bundle where bundles are kept."""
    stored = settings.stored
    workplace = stored.workplace
    study = load_study(workplace.url, stored.study)
    chosen = _chosen(study, settings)
    label = f"trial-{chosen.number}" if settings.trial is not None else settings.arm
    depot, name = workplace.depot, folder_name(stored.study, FOR_FOLDER)
    if is_of_loop(study):
        return retrain_loop(study, chosen, settings, depot, label)
    config = config_of(study, workplace, stored.case_file, stored.data_dir)
    refuse_missing(config.plan)
    partial = partial_of(study, config.case, settings.only) if settings.only else None
    tested = _tested(study, config, chosen, partial)
    seed = tested.seeds[0] if settings.seed is None else settings.seed
    called = folder_name(partial.label, FOR_FOLDER) if partial else label
    label = f"{called}-seed-{seed}"
    with making(settings.out, depot, name, label) as bundle:
        refuse_to_replace(bundle)  # before an hour of training, not after
        manifest = _manifest(study, config, chosen, seed)
        if partial:
            manifest |= partial.manifest(confirm_partial(study, config, partial, settings, tell))
            tested = _tested(study, config, chosen, partial)
        configuration = partial.configuration if partial else configuration_of(chosen)
        bundle.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".retrain.", dir=bundle.parent) as work:
            weights = Path(work) / "weights"
            _train(config, configuration, seed, tested, weights)
            scores, why_not = tested.scores_of(seed, checksum_in(weights))
            validation = None if partial else {config.case.metric.name: chosen.value}
            manifest["metrics"] = {"validation": validation, "test": scores, "why_no_test": why_not}
            write_bundle(bundle, weights, manifest)
        _show_in_dashboard(study, bundle, workplace, tell)
    return place_of(settings.out, depot, name, label)


def _show_in_dashboard(
    study: optuna.Study, bundle: Path, workplace: Workplace, tell: Callable[[str], object]
) -> None:
    """Make the bundle an artifact of the study; the model is there without it, too."""
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


@dataclass(frozen=True, slots=True)
class _Tested:
    """The models of a configuration that have met the test, or may.

    Attributes:
        seeds: of those that have; the first that may, where none has.
        stream: of the seeds.
        scores: a seed each; empty where none has met the test.
        digests: of their weights, where the study says.
    """

    seeds: Sequence[int]
    stream: str
    scores: Sequence[Mapping[str, float]]
    digests: Sequence[str]

    def scores_of(
        self, seed: int, digest: str | None
    ) -> tuple[Mapping[str, float] | None, str | None]:
        """Return the test scores of exactly this model, or why there are none.

        Args:
            digest: of the model's weights, which have to be those that met the test.
        """
        if not self.scores or seed not in self.seeds:
            return None, "no model of this configuration with this seed has met the test"
        index = self.seeds.index(seed)
        if len(self.digests) <= index:
            return None, "the study does not say which weights met the test; they may be others"
        if digest is None or self.digests[index] != digest:
            return None, (
                "the model of this configuration and seed that met the test has other weights: it "
                "was trained on another machine, or by other code"
            )
        return self.scores[index], None


def _tested(
    study: optuna.Study, config: StudyConfig, trial: FrozenTrial, partial: Partial | None
) -> _Tested:
    """Return which models have met the test: of a trial, or of a part of the changes."""
    digests = study.user_attrs.get(TESTED_WEIGHTS, {})
    name = name_of_part(partial.configuration) if partial else trial.number
    fresh = _Tested(seeds_of(config, name, 1), stream_of(name), (), ())
    if partial:
        part = parts_of(study).get(str(name))
        if part is None:
            return fresh
        stream = part.get("stream", Stream.TEST)
        return _Tested(part["seeds"], stream, part["scores"], digests.get(name, ()))
    confirmation = study.user_attrs.get(CONFIRMATION)
    if not confirmation:
        return fresh
    arms = confirmation["arms"].values()
    arm = next((arm for arm in arms if arm["trial"] == trial.number), None)
    own = digests.get(str(trial.number), ())
    if arm is not None and "stream" in arm:
        return _Tested(arm["seeds"], arm["stream"], arm["scores"], own)
    if confirmation.get("plan"):
        return fresh
    stream = confirmation.get("stream", Stream.RACE)  # as it was when arms shared their seeds
    return _Tested(confirmation["seeds"], stream, arm["scores"] if arm else (), own)


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


def _train(
    config: StudyConfig, configuration: Configuration, seed: int, tested: _Tested, weights: Path
) -> None:
    """Train as a confirmation does with this seed, or on all development data with a new one."""

    def on_end(_key: int, event: Finished | Failed, _points: Sequence[ReportPoint]) -> None:
        if isinstance(event, Failed):
            advice = "Try another --seed." if event.diverged else event.what_to_do
            raise StudyError(f"retraining failed: {event.reason}. {advice}")

    if seed in tested.seeds:  # with those that it was confirmed with, to be the same, bit for bit
        own = tested.seeds.index(seed)
        together = trained_with(config, configuration, own)
        files = {n: weights if n == own else None for n in together}
        job = final_job(config, configuration, files, tested.stream)
    else:
        job = job_of(config, configuration, [Replica(seed=seed, split_seed=None, weights=weights)])
    run_all(InProcessEngine(), {0: job}, on_end)


def _manifest(
    study: optuna.Study, config: StudyConfig, trial: FrozenTrial, seed: int
) -> dict[str, Any]:
    """Return all but the metrics, which hold for the weights alone."""
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
    """Say how input files are read; older studies have not kept it."""
    if config.case.read is not None:
        return BY_CASE
    return str(facts["data"].get("reading") or (BY_COLUMNS if config.dataset.columns else UNKNOWN))
