"""The models that meet the test split, and its one opening."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuner.case import Shape
from tuner.errors import BundleError, StudyError
from tuner.evidence.mistakes import classification_mistakes, residuals
from tuner.evidence.runs import final_run, job_of, trained_with, weights_file
from tuner.fits import Failed, Finished, run_all
from tuner.inference import Fitted
from tuner.metrics import scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import optuna
    from torch import Tensor

    from tuner.data.examples import Examples
    from tuner.evidence.runs import Configuration
    from tuner.fits import Engine, Job
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
    count: int,
    folder: Path,
    say: Callable[[str], None],
) -> dict[int, Tested]:
    """Train each trial's configuration on the first seeds, then open the test split for all.

    Args:
        count: of seeds.

    Returns:
        What each trial's models do on the test split.

    Raises:
        StudyError: a training failed.
        BundleError: weights on disk are damaged; the same command trains them again.
    """
    files = {
        (trial, index): weights_file(folder, brief, configuration, index)
        for trial, configuration in configurations.items()
        for index in range(count)
    }
    _train(_jobs(brief, configurations, files), engine, say)
    outputs, test = _open(study, brief, configurations, files)
    return {
        trial: _tested(brief, [outputs[trial, index] for index in range(count)], test)
        for trial in configurations
    }


def final_job(brief: Brief, configuration: Configuration, files: Mapping[int, Path | None]) -> Job:
    """Train for the test: on all development data, or again what a round has trained.

    Args:
        files: for the weights, by the numbers of the trainings that are one job.
    """
    runs = [replace(final_run(brief, index), weights=file) for index, file in files.items()]
    return job_of(brief, configuration, runs)


def _jobs(
    brief: Brief,
    configurations: Mapping[int, Configuration],
    files: Mapping[tuple[int, int], Path],
) -> list[Job]:
    """Return what trains the weights that are not there yet."""
    blocks = {
        (trial, trained_with(brief, configurations[trial], index))
        for (trial, index), file in files.items()
        if not file.exists()
    }
    return [
        final_job(
            brief,
            configurations[trial],
            {index: files.get((trial, index)) for index in together},
        )
        for trial, together in sorted(blocks, key=lambda block: (block[1].start, block[0]))
    ]


def _train(jobs: Sequence[Job], engine: Engine, say: Callable[[str], None]) -> None:
    ended, total = 0, sum(len(job.runs) for job in jobs)

    def on_end(key: int, event: Finished | Failed, _points: Sequence[ReportPoint]) -> None:
        nonlocal ended
        seeds = [run.seed for run in jobs[key].runs]
        if isinstance(event, Failed):
            raise StudyError(
                f"training with seed {', '.join(map(str, seeds))} failed: {event.reason}; "
                "the same command tries again"
            )
        ended += len(seeds)
        say(f"Final training {ended} of {total} took {event.seconds / len(seeds):.1f} s.")

    run_all(engine, dict(enumerate(jobs)), on_end)


def _open(
    study: optuna.Study,
    brief: Brief,
    configurations: Mapping[int, Configuration],
    files: Mapping[tuple[int, int], Path],
) -> tuple[dict[tuple[int, int], Tensor], Examples]:
    """Open the test split, on the record, and apply every model to it.

    Returns:
        Outputs on the CPU, and the test rows with targets in the units of the outputs.
    """
    trials, seeds = (len(set(part)) for part in zip(*files, strict=True))

    def record() -> None:
        opening = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": f"final evaluation of {trials} configurations on {seeds} seeds",
        }
        study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), opening])

    fitted = {key: load_fitted(brief, configurations[key[0]], files[key]) for key in files}
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


def load_fitted(brief: Brief, configuration: Configuration, file: Path) -> Fitted:
    """Load the weights that a final job has written.

    Raises:
        BundleError: the file is damaged; it is removed, so the same command trains it again.
    """
    case, data = brief.case, brief.dataset
    hyperparameters = case.hyperparameters(configuration.hyperparameters)
    model = case.build(hyperparameters, Shape(data.row_shape, data.outputs)).to(brief.plan.device)
    try:
        return Fitted.load(model, file, data.row_shape)
    except BundleError:
        file.unlink(missing_ok=True)
        raise
