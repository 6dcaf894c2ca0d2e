"""The jobs of trainings after the search: seeds, rows and files of weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.case.contract import shape_of
from tuner.data.splits import number_of_folds
from tuner.engines.job import Job, Replica
from tuner.machine import machine
from tuner.seeds import Stream, derive
from tuner.study.schema import ARM, BEST_EPOCH, CURVE, FOLD_SCORES, HYPERPARAMETERS, WORK
from tuner.training.networks import stackable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tuner.study.configuration import StudyConfig

TOGETHER = 6  # constant, so that a training's result does not depend on how many were asked for


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration to train: hyperparameters, number of epochs, and a label.

    Attributes:
        work: of one fold in the search, in the unit of the search; 1 if unknown. It only decides
            which trainings begin first. (Seconds would differ from run to run.)
    """

    hyperparameters: Mapping[str, Any]
    epochs: int
    label: str = field(compare=False)
    work: float = field(default=1.0, compare=False)


def configuration_of(trial: FrozenTrial) -> Configuration:
    """Return the configuration that a complete trial has trained, for its best number of epochs."""
    facts = trial.user_attrs
    label = f"trial {trial.number}" + (f" ({facts[ARM]})" if ARM in facts else "")
    return Configuration(facts[HYPERPARAMETERS], facts[BEST_EPOCH], label, _work_of(trial))


def _work_of(trial: FrozenTrial) -> float:
    """Return the work of one fold of a trial until its best epoch; 1 if unknown.

    For a loop it is the work of the whole call, because the numbers of its steps have no fixed
    meaning.
    """
    facts = trial.user_attrs
    work, folds, curve = float(facts.get(WORK) or 1.0), facts.get(FOLD_SCORES), facts.get(CURVE)
    if not folds or not curve:
        return work
    _, last, loss, *_ = curve[-1]
    share = 1.0 if loss is None else min(1.0, float(facts[BEST_EPOCH] / last))
    return share * work / len(folds)


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
        metric=config.metric,
    )


def trained_with(config: StudyConfig, configuration: Configuration, index: int) -> range:
    """Return the numbers of the trainings, including this one, that form one job."""
    return together_with(index, stacked=is_stacked(config, configuration))


def is_stacked(config: StudyConfig, configuration: Configuration) -> bool:
    """Whether several trainings of a configuration are one job."""
    data = config.dataset
    hyperparameters = config.case.hyperparameters(configuration.hyperparameters)
    return stackable(config.case.build(hyperparameters, shape_of(data)), data, config.case)


def together_with(index: int, *, stacked: bool) -> range:
    """Return the numbers of the trainings, including this one, that form one job.

    If networks can be stacked, six cost little more than one. They are always the same six, so that
    the result of one does not depend on what else was asked for or known before.
    """
    if not stacked:
        return range(index, index + 1)
    start = index - index % TOGETHER
    return range(start, start + TOGETHER)


def seed_of(study_seed: int, index: int, stream: str = Stream.RACE) -> int:
    """Return seed number `index` of the rounds, or of the tested models."""
    return derive(study_seed, stream, index)


def stream_of(trial: int | str) -> str:
    """Return the stream of the seeds of a configuration's tested models.

    Each configuration has a stream of its own: the test over seeds divides models between two arms,
    so the arms may share no seed. (Measurements show that sharing gains nothing: equal seeds
    correlate at -0.39 to -0.07.)

    Args:
        trial: its number; or the name of a part.
    """
    return f"{Stream.TEST}:{trial}"


def fresh_replica(config: StudyConfig, index: int) -> Replica:
    """Return the seed and the fold of round `index`."""
    k = number_of_folds(config.dataset.validation)
    return Replica(
        seed=seed_of(config.seed, index),
        split_seed=derive(config.seed, Stream.RACE_FOLDS, index // k),
        fold=index % k,
    )


def final_replica(config: StudyConfig, index: int, stream: str) -> Replica:
    """Return the rows and seed of a model for the test: all development rows.

    No model of a round is tested, because its validation score took part in choosing the best. So
    the seeds are of a separate stream.

    Args:
        stream: of the seeds, from `stream_of`; in older studies one stream for all arms, and in the
            oldest that of the rounds.
    """
    return Replica(seed=seed_of(config.seed, index, stream), split_seed=None)


def weights_file(
    folder: Path, config: StudyConfig, configuration: Configuration, seed: int
) -> Path:
    """Return a file for the weights of a model for the test; no other model has the same."""
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
