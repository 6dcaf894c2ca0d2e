"""A model for the test: the job that trains it, and the file of its weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tuner.case.contract import shape_of
from tuner.errors import BundleError
from tuner.evidence.jobs import final_replica, job_of, seed_of, stream_of, weights_file
from tuner.training.inference import Fitted, applied_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tuner.engines.job import Job
    from tuner.evidence.jobs import Configuration
    from tuner.study.configuration import StudyConfig


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
    """Return the job that trains models for the test, on all development data.

    Args:
        files: for the weights, by the numbers of the trainings that form one job.
        stream: of the seeds.
    """
    replicas = [
        replace(final_replica(config, index, stream), weights=file) for index, file in files.items()
    ]
    return job_of(config, configuration, replicas)


def load_fitted(config: StudyConfig, configuration: Configuration, file: Path) -> Fitted:
    """Load weights that a final job has written.

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
