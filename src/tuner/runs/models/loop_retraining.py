"""Calls a loop once more with the configuration of an arm, and keeps its files."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuner.depot.contract import MANIFEST
from tuner.engines.job import Failed, Finished, LoopJob, LoopRunner, run_all
from tuner.engines.loops import LoopEngine
from tuner.errors import StudyError, UsageError
from tuner.evidence.jobs import seed_of
from tuner.files import replacing_folder, sha256_of_file, write_json
from tuner.machine import machine
from tuner.naming import FOR_FOLDER, folder_name
from tuner.runs.models.keeping import making, place_of
from tuner.runs.models.partial import partial_of
from tuner.seeds import Stream
from tuner.study.loop_reopening import loop_config_of
from tuner.study.schema import CONFIRMATION, HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.depot.contract import Depot
    from tuner.own.loops.events import Outcome, Question, Told
    from tuner.runs.settings import RetrainingSettings
    from tuner.study.loops import LoopConfig

NOT_COMPARED = (
    "It is not compared with the baseline: of a loop, only baseline, recipe and best are. To "
    "compare it, name these values as --recipe of a new study."
)


def retrain_loop(
    study: optuna.Study,
    chosen: FrozenTrial,
    settings: RetrainingSettings,
    depot: Depot,
    label: str,
    tell: Callable[[str], None],
) -> Path | str:
    """Call the loop again, and keep its folder with a manifest; return it, or its URL in S3.

    The folder has the files that the loop has written into `tuner.folder()`, and the weights of the
    module that it has returned, if any.

    Args:
        chosen: the trial with the hyperparameters. With `only`, they are the
            baseline's, except for some changes of the best.
        depot: of bundles; `label` begins the name of this one, unless it has only some changes.
        tell: is told that some changes alone are not compared.

    Raises:
        UsageError: the place is already in use, or the best does not change what is named.
        StudyError: the call failed.
        CaseError: the loop's file is not named, or is gone.
    """
    config = loop_config_of(study, settings.stored.case_file)
    told: dict[str, Any] = {"trial": chosen.number}
    preset: Mapping[str, Any] = chosen.user_attrs[HYPERPARAMETERS]
    if settings.only:
        partial = partial_of(study, None, settings.only)
        label, told = folder_name(partial.label, FOR_FOLDER), partial.facts()
        preset = partial.configuration.hyperparameters
        tell(NOT_COMPARED)
    tested = (study.user_attrs.get(CONFIRMATION) or {}).get("seeds")
    first = tested[0] if tested else seed_of(config.seed, 0, Stream.TEST)
    seed = first if settings.seed is None else settings.seed
    name, label = folder_name(study.study_name, FOR_FOLDER), f"{label}-seed-{seed}"
    job = LoopJob(
        loop=config.reference,
        number=chosen.number,
        seed=seed,
        direction=config.direction,
        preset=preset,
        source=config.source.digest,
        plan=config.plan,
    )
    with making(settings.out, depot, name, label) as folder:
        _refuse_to_replace(folder)
        _make(folder, config, job, {"study": study.study_name, **told})
    return place_of(settings.out, depot, name, label)


def _make(folder: Path, config: LoopConfig, job: LoopJob, told: Mapping[str, Any]) -> None:
    """Call the loop, and write its files with a manifest."""
    with replacing_folder(folder) as beside:
        outcome = _call(replace(job, folder=beside.resolve()))
        files = {name: sha256_of_file(beside / name) for name in outcome.files}
        if MANIFEST in files:
            raise UsageError(f"the loop wrote a file {MANIFEST}; give it another name")
        write_json(
            beside / MANIFEST,
            {
                "loop": config.name,
                **told,
                "seed": job.seed,
                "hyperparameters": dict(outcome.params),
                "score": {config.metric: outcome.value},
                "files": files,
                "source": config.source.digest,
                "machine": machine(),
            },
        )


def _refuse_to_replace(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / MANIFEST).is_file():
        raise UsageError(
            f"{folder} already exists and was not made by tuner; it is not replaced. Name a new "
            "folder with --out"
        )


def _call(job: LoopJob) -> Outcome:
    found: list[Finished | Failed] = []

    def on_end(_key: int, event: Finished | Failed, _events: Sequence[Question | Told]) -> None:
        found.append(event)

    with closing(LoopEngine(1)) as engine:
        caller: LoopRunner = engine
        run_all(caller, {0: job}, on_end)
    (event,) = found
    if isinstance(event, Failed):
        raise StudyError(f"the loop failed: {event.reason}. {event.what_to_do}")
    if event.outcome is None:
        raise StudyError("the loop raised TrialPruned, although nothing asked it to end early")
    return event.outcome
