"""Trains the models of a bundle; with the seeds of the test, these are the tested models."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from tuner.depot.contract import MOST_MODELS
from tuner.engines.choosing import ThisMachine
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed, Finished, Replica, run_all
from tuner.errors import StudyError
from tuner.evidence.final.models import final_job, load_fitted
from tuner.evidence.jobs import job_of, seed_of, trained_with
from tuner.evidence.rows.ensembles import Ensemble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tuner.engines.job import Job
    from tuner.evidence.jobs import Configuration
    from tuner.runs.models.tested import ModelsOfTest
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


def numbers_by_seed(config: StudyConfig, tested: ModelsOfTest) -> dict[int, int]:
    """Return the seeds of the test and the next ones, each with its number in their stream.

    A missing number belongs to a training that diverged.
    """
    most = MOST_MODELS + 2 * len(tested.seeds)  # one that diverged may come before each
    numbers = {seed_of(config.seed, n, tested.stream): n for n in range(most)}
    last = max(numbers[seed] for seed in tested.seeds)
    return {seed: n for seed, n in numbers.items() if seed in tested.seeds or n > last}


def train_again(
    config: StudyConfig,
    configuration: Configuration,
    files: Mapping[int, Path],
    tested: ModelsOfTest,
) -> None:
    """Train as in a confirmation with these seeds, or on all development data with a new one.

    Args:
        files: for the weights of each model, by its seed.
    """
    diverged: list[Job] = []

    def on_end(key: int, event: Finished | Failed, _points: Sequence[ReportPoint]) -> None:
        if isinstance(event, Finished):
            return
        if event.diverged and len(jobs[key].replicas) > 1:
            diverged.append(jobs[key])
            return
        another = "Try another --seed." if len(files) == 1 else "Confirm the study first."
        advice = another if event.diverged else event.what_to_do
        raise StudyError(f"retraining failed: {event.reason}. {advice}")

    jobs = _jobs(config, configuration, files, tested)
    while jobs:
        alone = len(jobs) == 1
        made = InProcessEngine() if alone else ThisMachine().engine(config.plan, at_most=len(jobs))
        with closing(made) as engine:
            run_all(engine, dict(enumerate(jobs)), on_end)
        # One of the six has diverged, so the wanted ones are trained separately, as for the test.
        runs = [(job, run) for job in diverged for run in job.replicas if run.weights is not None]
        jobs = [replace(job, replicas=(run,)) for job, run in runs]
        diverged.clear()


def _jobs(
    config: StudyConfig,
    configuration: Configuration,
    files: Mapping[int, Path],
    tested: ModelsOfTest,
) -> list[Job]:
    """Return the jobs that train these models.

    A model with a seed of the test is trained in the same job as for the test, so it is the same,
    bit for bit.
    """
    known = numbers_by_seed(config, tested)
    if not files.keys() <= known.keys():
        runs = [Replica(seed=seed, split_seed=None, weights=file) for seed, file in files.items()]
        return [job_of(config, configuration, runs)]
    wanted = {known[seed]: file for seed, file in files.items()}
    blocks = dict.fromkeys(trained_with(config, configuration, index) for index in wanted)
    return [
        final_job(
            config, configuration, {index: wanted.get(index) for index in block}, tested.stream
        )
        for block in blocks
    ]


def as_one(config: StudyConfig, configuration: Configuration, files: Sequence[Path]) -> Path:
    """Return the file of the only model, or write an ensemble of all models beside them."""
    if len(files) == 1:
        return files[0]
    fitted = [load_fitted(config, configuration, file) for file in files]
    ensemble = Ensemble((one.model for one in fitted), config.case.task)
    weights = files[0].with_name("ensemble")
    replace(fitted[0], model=ensemble).save(weights)  # all have the same scalers
    return weights
