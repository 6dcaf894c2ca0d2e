"""The models that meet the test split, and its opening."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from tuner.case.contract import shape_of
from tuner.case.metric import scores
from tuner.data.tensors import checksum_in
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
from tuner.evidence.label_mistakes import label_mistakes
from tuner.evidence.mistakes import classification_mistakes, residuals
from tuner.evidence.moments import keep_moments
from tuner.evidence.odometer import record_opening
from tuner.evidence.predictions import Predictions, keep_predictions, keep_targets
from tuner.evidence.rivals import TITLES
from tuner.study.schema import TESTED_WEIGHTS
from tuner.training.inference import Fitted, applied_by, plain_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna
    from torch import Tensor

    from tuner.data.examples import Examples
    from tuner.data.scaling import Scaler
    from tuner.engines.job import Engine, Job
    from tuner.evidence.jobs import Configuration
    from tuner.evidence.rivals import Rival
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint

T = TypeVar("T", bound=int | str)  # the number of a trial, or the name of a part


@dataclass(frozen=True, slots=True)
class Tested:
    """What models of one configuration do on the test split.

    Attributes:
        scores: all metrics, one seed after the other.
        details: what they get wrong, as `mistakes` has it.
    """

    scores: list[dict[str, float]]
    details: dict[str, Any]


def score_on_test(
    study: optuna.Study,
    evidence: optuna.Study,
    config: StudyConfig,
    engine: Engine,
    configurations: Mapping[T, Configuration],
    count: int,
    folder: Path,
    say: Callable[[str], None],
    rivals: Mapping[str, Rival] | None = None,
    look: int = 1,
) -> dict[T | str, Tested]:
    """Train each configuration on so many seeds of its own, then open the test split for all.

    What the models say of the test rows is kept, so later comparisons need no new opening.

    Args:
        evidence: the study of the trainings after the search, which keeps it.
        count: of seeds; models of an earlier look are among them.
        rivals: that meet the test with them, by their names.
        look: of a test of two, which is recorded.

    Returns:
        What the models do on the test split, of each configuration and of each rival.

    Raises:
        StudyError: a training failed.
        BundleError: weights on disk are damaged; the same command trains them again.
    """
    files = {
        (trial, index): _file(folder, config, configuration, trial, index)
        for trial, configuration in configurations.items()
        for index in range(count)
    }
    _train(_jobs(config, configurations, files, folder), engine, say)
    _keep_digests(study, files)
    outputs, of_rivals, test, scaler = _open(
        study, config, configurations, files, rivals or {}, look
    )
    by_trial = {
        trial: [outputs[trial, index] for index in range(count)] for trial in configurations
    }
    said: dict[T | str, Sequence[Tensor]] = {**by_trial, **of_rivals}  # type: ignore[dict-item]
    _keep(evidence, config, said, test, scaler)
    keep_moments(evidence, config.case.metric, list(said))
    return {one: _tested(config, own, test, scaler) for one, own in said.items()}


def _keep_digests(study: optuna.Study, files: Mapping[tuple[T, int], Path]) -> None:
    """Keep the digests of the weights that are about to meet the test, in the order of the seeds.

    Args:
        files: with the weights, by trial and place of the seed.
    """
    digests: dict[str, list[str | None]] = {}
    for (trial, _), file in files.items():
        digests.setdefault(str(trial), []).append(checksum_in(file))
    study.set_user_attr(TESTED_WEIGHTS, {**study.user_attrs.get(TESTED_WEIGHTS, {}), **digests})


def _keep(
    evidence: optuna.Study,
    config: StudyConfig,
    outputs: Mapping[T | str, Sequence[Tensor]],
    test: Examples,
    scaler: Scaler | None,
) -> None:
    """Keep what the models said of the test rows, and the targets in the same units."""
    labels = config.case.task == "multilabel"
    targets = (test.targets if labels else test.targets.flatten()).numpy()
    probable = config.case.metric.needs_probability
    keep_targets(evidence, config.dataset.test.identity(), targets, scaler)
    for trial, own in outputs.items():
        seeds = tuple(seeds_of(config, trial, len(own)))
        said = torch.stack(list(own))  # (seeds, rows, outputs)
        if labels:
            values, likely = (said > 0).long(), said.double().sigmoid()
        else:
            values = said.argmax(dim=2) if config.dataset.classes else said[:, :, 0]
            likely = said.double().softmax(dim=2)
        shares = likely.numpy() if probable else None
        keep_predictions(evidence, trial, Predictions(seeds, values.numpy(), shares), targets)


def seeds_of(config: StudyConfig, trial: int | str, count: int) -> list[int]:
    """Return the seeds of a configuration's models that meet the test.

    Args:
        trial: its number; or the name of a part or of a rival.
    """
    return [seed_of(config.seed, index, stream_of(trial)) for index in range(count)]


def _file(
    folder: Path, config: StudyConfig, configuration: Configuration, trial: int | str, index: int
) -> Path:
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


def _jobs(
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
            {n: _file(folder, config, configurations[trial], trial, n) for n in together},
            stream_of(trial),
        )
        for trial, together in sorted(blocks, key=lambda block: (block[1].start, f"{block[0]:>9}"))
    ]


def _train(jobs: Sequence[Job], engine: Engine, say: Callable[[str], None]) -> None:
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


def _open(
    study: optuna.Study,
    config: StudyConfig,
    configurations: Mapping[T, Configuration],
    files: Mapping[tuple[T, int], Path],
    rivals: Mapping[str, Rival],
    look: int,
) -> tuple[dict[tuple[T, int], Tensor], dict[str, list[Tensor]], Examples, Scaler | None]:
    """Open the test split, on the record, and apply every model to it.

    Returns:
        Outputs on the CPU, those of rivals, the test rows with targets in their units, and what
        has scaled numbers.
    """
    trials, seeds = (len(set(part)) for part in zip(*files, strict=True))
    noun = "configuration" if trials == 1 else "configurations"

    identity = config.dataset.test.identity()

    def record() -> None:
        beside = f", beside {' and '.join(map(TITLES.__getitem__, rivals))}" if rivals else ""
        second = "second look, which was planned: " if look > 1 else ""
        reason = f"{second}final evaluation of {trials} {noun} on {seeds} seeds{beside}"
        record_opening(study, identity, reason, look)

    fitted = {key: load_fitted(config, configurations[key[0]], files[key]) for key in files}
    test = config.dataset.test.open(record)
    outputs = {key: one.scored(test.features, config.plan).cpu() for key, one in fitted.items()}
    of_rivals = {
        name: [model(test.features) for model in rival.models] for name, rival in rivals.items()
    }
    if config.case.task != "regression":
        return outputs, of_rivals, test, None
    # Every model was trained on all development rows, so all have the same scaler.
    scaler = plain_of(next(iter(fitted.values())).targets)
    return outputs, of_rivals, replace(test, targets=scaler(test.targets)), scaler


def _tested(
    config: StudyConfig, outputs: Sequence[Tensor], test: Examples, scaler: Scaler | None
) -> Tested:
    classes, undo = config.dataset.classes, scaler and scaler.undo
    if config.case.task == "multilabel":
        details = label_mistakes(outputs, test, classes)
    elif classes:
        details = classification_mistakes(outputs, test, classes)
    else:
        details = residuals(outputs[0], test.targets)
    return Tested(
        scores=[scores(config.case.metrics, one, test.targets, undo) for one in outputs],
        details=details,
    )


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
