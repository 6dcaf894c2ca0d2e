"""The models that meet the test split: what trains them, and the files of their weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tuner.case.contract import shape_of
from tuner.engines.job import Failed, Finished, run_all
from tuner.errors import BundleError, StudyError
from tuner.evidence.jobs import (
    final_replica,
    job_of,
    seed_of,
    stream_of,
    trained_with,
    weights_file,
)
from tuner.training.inference import Fitted, applied_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tuner.engines.job import Engine, Job
    from tuner.evidence.jobs import Configuration
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint

T = TypeVar("T", bound=int | str)  # the number of a trial, or the name of a part


def file_of(
    folder: Path, config: StudyConfig, configuration: Configuration, trial: int | str, index: int
) -> Path:
    """Return the file for the weights of model `index` of a trial, or of a part."""
    seed = seed_of(config.seed, index, stream_of(trial))
    return weights_file(folder, config, configuration, seed)


def final_job(
    config: StudyConfig,
    configuration: Configuration,
    files: Mapping[int, Path | None],
    stream: str,
) -> Job:
    """Train for the test, on all development data.

    Args:
        files: for the weights, by the numbers of the trainings that are one job.
        stream: of the seeds.
    """
    replicas = [
        replace(final_replica(config, index, stream), weights=file) for index, file in files.items()
    ]
    return job_of(config, configuration, replicas)


def jobs_of_missing(
    config: StudyConfig,
    configurations: Mapping[T, Configuration],
    files: Mapping[tuple[T, int], Path],
    folder: Path,
) -> list[Job]:
    """Return what trains the weights that are not there yet.

    What is trained together is kept together: a second look finds there what it needs of it.
    """
    blocks = {
        (trial, trained_with(config, configurations[trial], index))
        for (trial, index), file in files.items()
        if not file.exists()
    }
    return [
        final_job(
            config,
            configurations[trial],
            {n: file_of(folder, config, configurations[trial], trial, n) for n in together},
            stream_of(trial),
        )
        for trial, together in sorted(blocks, key=lambda block: (block[1].start, f"{block[0]:>9}"))
    ]


def train(jobs: Sequence[Job], engine: Engine, say: Callable[[str], None]) -> None:
    """Train them all.

    Raises:
        StudyError: a training failed.
    """
    ended, total = 0, sum(len(job.replicas) for job in jobs)

    def on_end(key: int, event: Finished | Failed, _points: Sequence[ReportPoint]) -> None:
        nonlocal ended
        seeds = [run.seed for run in jobs[key].replicas]
        if isinstance(event, Failed):
            raise StudyError(
                f"training with seed {', '.join(map(str, seeds))} failed: {event.reason}. "
                f"{event.what_to_do}"
            )
        ended += len(seeds)
        say(f"Final training {ended} of {total} took {event.seconds / len(seeds):.1f} s.")

    run_all(engine, dict(enumerate(jobs)), on_end)


def load_fitted(config: StudyConfig, configuration: Configuration, file: Path) -> Fitted:
    """Load the weights that a final job has written.

    Raises:
        BundleError: the file is damaged; it is removed, so the same command trains it again.
    """
    case, data = config.case, config.dataset
    hyperparameters = case.hyperparameters(configuration.hyperparameters)
    model = case.build(hyperparameters, shape_of(data)).to(config.plan.device)
    try:
        applied = applied_by(case, hyperparameters)
        return Fitted.load(model, file, data.row_shape, data.table, applied)
    except BundleError:
        file.unlink(missing_ok=True)
        raise
