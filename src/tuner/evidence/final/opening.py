"""Opens the test split and scores models on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from tuner.case.metric import scores
from tuner.data.splits import TimeFolds
from tuner.data.tensors import checksum_in
from tuner.engines.cards import give_back
from tuner.evidence.final.models import load_fitted
from tuner.evidence.final.odometer import record_opening
from tuner.evidence.final.trainings import Diverged, FinalTrainings, T
from tuner.evidence.jobs import seed_of, stream_of
from tuner.evidence.rivals.trained import TITLES
from tuner.evidence.rows.ensembles import ensemble_facts, together
from tuner.evidence.rows.label_mistakes import label_mistakes
from tuner.evidence.rows.mistakes import classification_mistakes, residuals
from tuner.evidence.rows.moments import keep_moments
from tuner.evidence.rows.predictions import Predictions, keep_predictions, keep_targets
from tuner.language import nsaid, said
from tuner.study.schema import TESTED_WEIGHTS
from tuner.training.inference import plain_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna
    from torch import Tensor

    from tuner.data.examples import Examples
    from tuner.data.scaling import Scaler
    from tuner.evidence.rivals.trained import Rival
    from tuner.study.configuration import StudyConfig


@dataclass(frozen=True, slots=True)
class Tested:
    """The results of one configuration's models on the test split.

    Attributes:
        scores: all metrics, for one seed after the other.
        details: their errors, as `mistakes` returns them.
        ensemble: their scores as one model, as in `ensemble_facts`; None if there is only one, or
            for a rival.
    """

    scores: list[dict[str, float]]
    details: dict[str, Any]
    ensemble: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    """The models' outputs for the test rows, on the processor, in the units of the scores.

    Attributes:
        outputs: of the models of each configuration, for one seed after the other, and of each
            rival.
        joint: of the models of each configuration as an ensemble.
        test: the rows, with targets in these units.
        scaler: the scaler of the targets; None if they are not scaled.
    """

    outputs: Mapping[int | str, Sequence[Tensor]]
    joint: Mapping[int | str, Tensor]
    test: Examples
    scaler: Scaler | None


def score_on_test(
    study: optuna.Study,
    trainings: FinalTrainings[T],
    count: int,
    rivals: Mapping[str, Rival] | None = None,
    look: int = 1,
    test: Mapping[str, Any] | None = None,
) -> dict[T | str, Tested]:
    """Train `count` models of each configuration on fresh seeds, then open the test split for all.

    The models' predictions are stored, so later comparisons need no new opening.

    Args:
        trainings: trains the models; the predictions are stored in its evidence study.
        count: number of seeds, including models of an earlier look. A seed with which the training
            diverges is left out, and the next one replaces it.
        rivals: further models to test, by name.
        look: number of the look, which is recorded.
        test: identifies this test among those of the study, as in `record_opening`.

    Returns:
        The test results of each configuration and each rival.

    Raises:
        StudyError: a training failed.
        UnreliableError: more of a configuration's trainings diverged than `count`.
        BundleError: weights on disk are damaged; running the same command again trains them anew.
    """
    evidence, config, rivals = trainings.evidence, trainings.config, rivals or {}
    files = trainings.models(count)
    _keep_digests(study, files)
    identity, reason = config.dataset.test.identity(), _reason(files, rivals, look)

    def record() -> None:
        record_opening(study, identity, reason, look, test)

    opened = _open(trainings, files, rivals, record)
    _keep(evidence, config, opened)
    keep_moments(evidence, config.case.metric, list(opened.outputs))
    return {one: _tested(config, opened, one) for one in (*trainings.configurations, *rivals)}


def _keep_digests(study: optuna.Study, files: Mapping[tuple[T, int], Path]) -> None:
    """Store the digests of the weights that are about to be tested, in the order of the seeds.

    Args:
        files: with the weights, by trial and index of the seed.
    """
    digests: dict[str, list[str | None]] = {}
    for (trial, _), file in files.items():
        digests.setdefault(str(trial), []).append(checksum_in(file))
    study.set_user_attr(TESTED_WEIGHTS, {**study.user_attrs.get(TESTED_WEIGHTS, {}), **digests})


def _keep(evidence: optuna.Study, config: StudyConfig, opened: _Opened) -> None:
    """Store the models' predictions for the test rows, and the targets in the same units."""
    labels, test = config.case.task == "multilabel", opened.test
    targets = (test.targets if labels else test.targets.flatten()).numpy()
    probable = config.case.metric.needs_probability
    groups = None if test.groups is None else test.groups.numpy()
    keep_targets(
        evidence,
        config.dataset.test.identity(),
        targets,
        opened.scaler,
        groups,
        in_time=isinstance(config.dataset.validation, TimeFolds) and groups is None,
    )
    for trial, own in opened.outputs.items():
        seeds = tuple(seeds_of(evidence, config, trial, len(own)))
        said = torch.stack(list(own))  # (seeds, rows, outputs)
        if labels:
            values, likely = (said > 0).long(), said.double().sigmoid()
        else:
            values = said.argmax(dim=2) if config.dataset.classes else said[:, :, 0]
            likely = said.double().softmax(dim=2)
        shares = likely.numpy() if probable else None
        keep_predictions(evidence, trial, Predictions(seeds, values.numpy(), shares), targets)


def seeds_of(
    evidence: optuna.Study, config: StudyConfig, trial: int | str, count: int
) -> list[int]:
    """Return the seeds of the models of a configuration that are tested.

    Args:
        evidence: the study of the trainings after the search.
        trial: its number; or the name of a part or rival.
    """
    stream = stream_of(trial)
    numbers = Diverged.of(evidence, config, trial).first(count)
    return [seed_of(config.seed, number, stream) for number in numbers]


def _reason(files: Mapping[tuple[T, int], Path], rivals: Mapping[str, Rival], look: int) -> str:
    """Return the reason for opening the test split, for the record."""
    trials = len({trial for trial, _ in files})
    seeds = len(files) // trials
    if rivals:
        reason = nsaid(
            "final evaluation of {trials} configuration on {seeds} seeds, beside {rivals}",
            "final evaluation of {trials} configurations on {seeds} seeds, beside {rivals}",
            trials,
            trials=trials,
            seeds=seeds,
            rivals=" and ".join(map(TITLES.__getitem__, rivals)),
        )
    else:
        reason = nsaid(
            "final evaluation of {trials} configuration on {seeds} seeds",
            "final evaluation of {trials} configurations on {seeds} seeds",
            trials,
            trials=trials,
            seeds=seeds,
        )
    if look > 1:
        reason = said("second look, which was planned: {evaluation}", evaluation=reason)
    return reason


def _open(
    trainings: FinalTrainings[T],
    files: Mapping[tuple[T, int], Path],
    rivals: Mapping[str, Rival],
    record: Callable[[], None],
) -> _Opened:
    """Open the test split, and apply every model to its rows.

    Args:
        files: with the weights, by trial and index of the seed.
        record: records the opening, before the rows are read.
    """
    config, configurations = trainings.config, trainings.configurations
    fitted = {key: load_fitted(config, configurations[key[0]], files[key]) for key in files}
    rows = config.dataset.test.open(record)
    by_trial: dict[int | str, list[Tensor]] = {}
    for (trial, _), one in fitted.items():
        by_trial.setdefault(trial, []).append(one.outputs(rows.features, config.plan).cpu())
    give_back()
    # All models were trained on all development rows, so all have the same scaler.
    targets = next(iter(fitted.values())).targets.to(torch.device("cpu"))
    outputs = {trial: [targets.in_units(one) for one in own] for trial, own in by_trial.items()}
    joint = {
        trial: targets.in_units(together(own, config.case.task)) for trial, own in by_trial.items()
    }
    for name, rival in rivals.items():
        outputs[name] = [model(rows.features) for model in rival.models]
    if config.case.task != "regression":
        return _Opened(outputs, joint, rows, None)
    scaler = plain_of(targets)
    return _Opened(outputs, joint, replace(rows, targets=scaler(rows.targets)), scaler)


def _tested(config: StudyConfig, opened: _Opened, one: int | str) -> Tested:
    outputs, test, scaler = opened.outputs[one], opened.test, opened.scaler
    classes, undo = config.dataset.classes, scaler and scaler.undo
    metrics, joint = config.case.metrics, opened.joint.get(one)
    if config.case.task == "multilabel":
        details = label_mistakes(outputs, test, classes)
    elif classes:
        details = classification_mistakes(outputs, test, classes)
    else:
        details = residuals(outputs[0], test.targets)
    return Tested(
        scores=[scores(metrics, own, test.targets, undo) for own in outputs],
        details=details,
        ensemble=None if joint is None else ensemble_facts(metrics, joint, outputs, test, undo),
    )
