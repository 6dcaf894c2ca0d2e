"""What is trained after the search: the seed and the rows of each training, and its file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.case.contract import Shape
from tuner.data.splits import Holdout, KFold
from tuner.engines.job import Job, Replica
from tuner.machine import machine
from tuner.seeds import derive
from tuner.training.step import stackable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tuner.study.configuration import StudyConfig

TOGETHER = 6  # the fewest rounds that prove anything


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is trained: hyperparameters, for how many epochs, and what it is called."""

    hyperparameters: Mapping[str, Any]
    epochs: int
    label: str = field(compare=False)


def job_of(config: StudyConfig, configuration: Configuration, runs: Iterable[Replica]) -> Job:
    """Return the job that trains a configuration on these seeds and rows, for its epochs."""
    return Job(
        case=config.reference,
        source=config.source.digest,
        hyperparameters=configuration.hyperparameters,
        data=config.data_folder,
        replicas=tuple(runs),
        plan=config.plan,
        stop_after=configuration.epochs,
    )


def trained_with(config: StudyConfig, configuration: Configuration, index: int) -> range:
    """Return the numbers of the trainings, this one among them, that are one job.

    Where networks can be stacked, six cost little more than one. Always the same six, so that what
    comes of one does not depend on what was asked for, or known, before.
    """
    data = config.dataset
    hyperparameters = config.case.hyperparameters(configuration.hyperparameters)
    model = config.case.build(hyperparameters, Shape(data.row_shape, data.outputs))
    if not stackable(model, data, config.case):
        return range(index, index + 1)
    start = index - index % TOGETHER
    return range(start, start + TOGETHER)


def seed_of(study_seed: int, index: int) -> int:
    """Return the seed of training number `index` after the search, where no trial has it."""
    return derive(study_seed, "confirmation", index)


def fresh_replica(config: StudyConfig, index: int) -> Replica:
    """Return the seed and the fold of round `index`."""
    scheme = config.dataset.validation
    k = scheme.k if isinstance(scheme, KFold) else 1
    return Replica(
        seed=seed_of(config.seed, index),
        split_seed=derive(config.seed, "confirmation folds", index // k),
        fold=index % k,
    )


def final_replica(config: StudyConfig, index: int) -> Replica:
    """Return what the model that meets the test with seed `index` is trained on."""
    if are_tested(config):
        return fresh_replica(config, index)
    return Replica(seed=seed_of(config.seed, index), split_seed=None)


def rows_for_test(config: StudyConfig) -> int:
    """Return on how many rows the models that meet the test are trained."""
    rows, scheme = len(config.dataset.development), config.dataset.validation
    held_out = scheme.rows if are_tested(config) and isinstance(scheme, Holdout) else 0
    return rows - held_out


def are_tested(config: StudyConfig) -> bool:
    """Whether the models of the rounds are those that meet the test split.

    Where one part of the rows is held out they have seen nearly all others, and training everything
    again would double what a confirmation takes. With folds of few rows it is worth it; and in
    regression, where errors are in units of the training rows' spread, it makes these the same.
    """
    return isinstance(config.dataset.validation, Holdout) and config.case.task == "classification"


def weights_file(
    folder: Path, config: StudyConfig, configuration: Configuration, index: int
) -> Path:
    """Return the file for the weights of a training, which no other training has."""
    seed = seed_of(config.seed, index)
    inputs = (
        config.case.name,
        config.basis,
        dict(configuration.hyperparameters),
        configuration.epochs,
        seed,
        machine(),
    )
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return folder / f"seed-{seed}-{digest[:16]}.safetensors"
