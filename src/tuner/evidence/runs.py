"""What is trained after the search: the seed and the rows of each training, and its file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.case import Shape
from tuner.data.splits import Holdout, KFold
from tuner.fits import Job, Run
from tuner.groups import stackable
from tuner.manifest import machine
from tuner.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tuner.study.opening import Brief

TOGETHER = 6  # the fewest rounds that prove anything


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is trained: hyperparameters, for how many epochs, and what it is called."""

    hyperparameters: Mapping[str, Any]
    epochs: int
    label: str = field(compare=False)


def job_of(brief: Brief, configuration: Configuration, runs: Iterable[Run]) -> Job:
    """Return the job that trains a configuration on these seeds and rows, for its epochs."""
    return Job(
        case=brief.reference,
        hyperparameters=configuration.hyperparameters,
        data=brief.data_folder,
        runs=tuple(runs),
        plan=brief.plan,
        stop_after=configuration.epochs,
    )


def trained_with(brief: Brief, configuration: Configuration, index: int) -> range:
    """Return the numbers of the trainings, this one among them, that are one job.

    Where networks can be stacked, six cost little more than one. Always the same six, so that what
    comes of one does not depend on what was asked for, or known, before.
    """
    data = brief.dataset
    hyperparameters = brief.case.hyperparameters(configuration.hyperparameters)
    model = brief.case.build(hyperparameters, Shape(data.row_shape, data.outputs))
    if not stackable(model, data, brief.case):
        return range(index, index + 1)
    start = index - index % TOGETHER
    return range(start, start + TOGETHER)


def seed_of(study_seed: int, index: int) -> int:
    """Return the seed of training number `index` after the search, where no trial has it."""
    return derive(study_seed, "confirmation", index)


def fresh_run(brief: Brief, index: int) -> Run:
    """Return the seed and the fold of round `index`."""
    scheme = brief.dataset.validation
    k = scheme.k if isinstance(scheme, KFold) else 1
    return Run(
        seed=seed_of(brief.seed, index),
        split_seed=derive(brief.seed, "confirmation folds", index // k),
        fold=index % k,
    )


def final_run(brief: Brief, index: int) -> Run:
    """Return what the model that meets the test with seed `index` is trained on."""
    if are_tested(brief):
        return fresh_run(brief, index)
    return Run(seed=seed_of(brief.seed, index), split_seed=None)


def rows_for_test(brief: Brief) -> int:
    """Return on how many rows the models that meet the test are trained."""
    rows, scheme = len(brief.dataset.development), brief.dataset.validation
    held_out = scheme.rows if are_tested(brief) and isinstance(scheme, Holdout) else 0
    return rows - held_out


def are_tested(brief: Brief) -> bool:
    """Whether the models of the rounds are those that meet the test split.

    Where one part of the rows is held out they have seen nearly all others, and training everything
    again would double what a confirmation takes. With folds of few rows it is worth it; and in
    regression, where errors are in units of the training rows' spread, it makes these the same.
    """
    return isinstance(brief.dataset.validation, Holdout) and brief.case.task == "classification"


def weights_file(folder: Path, brief: Brief, configuration: Configuration, index: int) -> Path:
    """Return the file for the weights of a training, which no other training has."""
    seed = seed_of(brief.seed, index)
    inputs = (
        brief.case.name,
        brief.dataset.fingerprint,
        dict(configuration.hyperparameters),
        configuration.epochs,
        seed,
        asdict(brief.plan),
        machine(),
    )
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return folder / f"seed-{seed}-{digest[:16]}.safetensors"
