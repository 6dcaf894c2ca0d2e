"""Models trained on all development data, and the one opening of the test split."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuner.case import Shape
from tuner.errors import BundleError, StudyError
from tuner.evidence.mistakes import classification_mistakes, residuals
from tuner.fits import Failed, Finished, Job, run_all
from tuner.inference import Fitted
from tuner.manifest import machine
from tuner.metrics import scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna
    from torch import Tensor

    from tuner.data.dataset import Examples
    from tuner.evidence.trainings import Configuration
    from tuner.fits import Engine
    from tuner.study.opening import Brief
    from tuner.training import ReportPoint

OPENINGS = "test_openings"


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
    brief: Brief,
    engine: Engine,
    configurations: Mapping[int, Configuration],
    seeds: Sequence[int],
    folder: Path,
    say: Callable[[str], None],
) -> dict[int, Tested]:
    """Train each trial's configuration on every seed, then open the test split for all of them.

    Returns:
        What each trial's models do on the test split.

    Raises:
        StudyError: a training failed.
        BundleError: weights on disk are damaged; the same command trains them again.
    """
    jobs = _jobs(brief, configurations, seeds, folder)
    _train(jobs, engine, say)
    outputs, test = _open(study, brief, jobs)
    return {
        trial: _tested(brief, [outputs[trial, seed] for seed in seeds], test)
        for trial in configurations
    }


def final_job(brief: Brief, configuration: Configuration, seed: int) -> Job:
    """Train on all development data."""
    return Job(
        case=brief.reference,
        hyperparameters=configuration.hyperparameters,
        data=brief.data_folder,
        split_seed=None,
        seed=seed,
        plan=brief.plan,
        stop_after=configuration.epochs,
    )


def _jobs(
    brief: Brief, configurations: Mapping[int, Configuration], seeds: Sequence[int], folder: Path
) -> dict[tuple[int, int], Job]:
    """One job a trial and seed, with a file for its weights that is named after its inputs."""
    jobs = {}
    for trial, configuration in configurations.items():
        for seed in seeds:
            job = final_job(brief, configuration, seed)
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
            weights = folder / f"trial-{trial}-seed-{seed}-{digest[:16]}.safetensors"
            jobs[trial, seed] = replace(job, weights=weights)
    return jobs


def _train(jobs: dict[tuple[int, int], Job], engine: Engine, say: Callable[[str], None]) -> None:
    missing = [job for job in jobs.values() if job.weights and not job.weights.exists()]
    ended = 0

    def on_end(key: int, event: Finished | Failed, _points: Sequence[ReportPoint]) -> None:
        nonlocal ended
        ended += 1
        if isinstance(event, Failed):
            raise StudyError(
                f"training with seed {missing[key].seed} failed: {event.reason}; "
                "the same command tries again"
            )
        say(f"Final training {ended} of {len(missing)} took {event.seconds:.1f} s.")

    run_all(engine, dict(enumerate(missing)), on_end)


def _open(
    study: optuna.Study, brief: Brief, jobs: dict[tuple[int, int], Job]
) -> tuple[dict[tuple[int, int], Tensor], Examples]:
    """Open the test split, on the record, and apply every model to it.

    Returns:
        Outputs on the CPU, and the test rows with targets in the units of the outputs.
    """
    trials, seeds = (len(set(part)) for part in zip(*jobs, strict=True))

    def record() -> None:
        opening = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": f"final evaluation of {trials} configurations on {seeds} seeds",
        }
        study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), opening])

    fitted = {key: load_fitted(brief, job) for key, job in jobs.items()}
    test = brief.dataset.test.open(record)
    outputs = {key: one.outputs(test.features, brief.plan).cpu() for key, one in fitted.items()}
    if brief.case.task == "regression":
        # Every model was trained on all development rows, so all have the same scaler.
        scaler = next(iter(fitted.values())).targets
        test = replace(test, targets=scaler(test.targets))
    return outputs, test


def _tested(brief: Brief, outputs: Sequence[Tensor], test: Examples) -> Tested:
    task, classes = brief.case.task, brief.dataset.classes
    return Tested(
        scores=[scores(task, one, test.targets) for one in outputs],
        details=classification_mistakes(outputs, test, classes)
        if classes
        else residuals(outputs[0], test.targets),
    )


def load_fitted(brief: Brief, job: Job) -> Fitted:
    """Load the weights that a final job has written.

    Raises:
        BundleError: the file is damaged; it is removed, so the same command trains it again.
    """
    if job.weights is None:
        raise BundleError("this job keeps no weights")
    case, data = brief.case, brief.dataset
    hyperparameters = case.hyperparameters(job.hyperparameters)
    model = case.build(hyperparameters, Shape(data.row_shape, data.outputs)).to(brief.plan.device)
    try:
        return Fitted.load(model, job.weights)
    except BundleError:
        job.weights.unlink(missing_ok=True)
        raise
