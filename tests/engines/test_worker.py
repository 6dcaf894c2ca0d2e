from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.making import TINY, rerun
from tuner.case.contract import Shape
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed, Finished, Job, Replica, run_all
from tuner.engines.worker import advance, run
from tuner.errors import CaseError, DivergedError, TrainingError
from tuner.training.blame import without_line
from tuner.training.inference import Fitted

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


@pytest.fixture
def job(config: StudyConfig) -> Job:
    return Job(
        case=TINY,
        hyperparameters=asdict(config.case.baseline),
        data=config.data_folder,
        replicas=(Replica(seed=1, split_seed=0),),
        plan=config.plan,
    )


def fails(error: BaseException) -> Generator[ReportPoint, None, Finished]:
    yield from ()
    raise error


def test_a_search_fit_validates_on_the_folds_of_its_split_seed(job: Job) -> None:
    points = list(run(job))
    assert [point.epoch for point in points] == [1, 2, 3, 4]
    assert all(len(point.fold_scores) == 3 for point in points)
    assert list(run(rerun(job, split_seed=1))) != points
    assert list(run(job)) == points


def test_a_final_fit_trains_on_everything_and_validates_on_nothing(job: Job) -> None:
    points = list(run(replace(rerun(job, split_seed=None), stop_after=3)))
    assert [point.epoch for point in points] == [1, 2, 3]
    assert {point.validation for point in points} == {None}


def test_the_weights_it_writes_are_those_it_trained(
    job: Job, tmp_path: Path, config: StudyConfig
) -> None:
    path = tmp_path / "new" / "folder" / "weights"
    list(run(rerun(job, split_seed=None, weights=path)))
    case, data = config.case, config.dataset
    shape = Shape(data.row_shape, data.outputs)
    fitted = Fitted.load(case.build(case.baseline, shape), path, data.row_shape)
    other = tmp_path / "other"
    list(run(rerun(job, split_seed=None, seed=2, weights=other)))
    different = Fitted.load(case.build(case.baseline, shape), other, data.row_shape)
    rows = data.development.features
    assert torch.isfinite(fitted.outputs(rows, config.plan)).all()
    assert not torch.equal(fitted.outputs(rows, config.plan), different.outputs(rows, config.plan))
    assert torch.allclose(fitted.features.mean, rows.mean(dim=0))


def test_hyperparameters_of_another_version_fail_the_fit(job: Job) -> None:
    old = {name: value for name, value in job.hyperparameters.items() if name != "breaks"}
    with pytest.raises(CaseError, match="differ in breaks"):
        next(run(replace(job, hyperparameters=old)))


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (
            DivergedError("training loss is nan at epoch 2"),
            Failed("training loss is nan at epoch 2", diverged=True),
        ),
        (TrainingError("shape (2,)"), Failed("shape (2,)")),
        (RuntimeError("mat1 and mat2\nof other shapes"), Failed("RuntimeError: mat1 and mat2")),
        (ZeroDivisionError("\n\n"), Failed("ZeroDivisionError")),
        (FileNotFoundError("no file"), Failed("FileNotFoundError: no file")),
        (MemoryError(), Failed("MemoryError", may_pass=True, out_of_memory=True)),
        (
            torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
                "79.11 GiB of which 1.5 GiB is free. Process 12 has 70 GiB in use."
            ),
            Failed(
                "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
                may_pass=True,
                out_of_memory=True,
            ),
        ),
        (
            torch.AcceleratorError("CUDA error: out of memory"),
            Failed(
                "AcceleratorError: CUDA error: out of memory", may_pass=True, out_of_memory=True
            ),
        ),
        (
            RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
            Failed(
                "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
                may_pass=True,
                out_of_memory=True,
            ),
        ),
        (
            torch.AcceleratorError("CUDA error: device-side assert triggered"),
            Failed("AcceleratorError: CUDA error: device-side assert triggered"),
        ),
        (OSError(28, "full"), Failed("OSError: [Errno 28] full", may_pass=True)),
        (
            RuntimeError("DefaultCPUAllocator: not enough memory"),
            Failed(
                "RuntimeError: DefaultCPUAllocator: not enough memory",
                may_pass=True,
                out_of_memory=True,
            ),
        ),
    ],
)
def test_what_a_fit_raises_becomes_one_line(error: Exception, failed: Failed) -> None:
    found = advance(fails(error))
    assert isinstance(found, Failed)
    assert replace(found, reason=without_line(found.reason)) == failed
    assert ("same way" in found.what_to_do) == (not (failed.may_pass or failed.diverged))
    assert ("same command again" in found.what_to_do) == failed.may_pass
    assert bool(found.traceback) == (not isinstance(error, TrainingError))


def test_ctrl_c_is_not_a_failure_of_a_fit() -> None:
    with pytest.raises(KeyboardInterrupt):
        advance(fails(KeyboardInterrupt()))


def test_an_error_in_the_callers_hands_stops_the_other_fits(job: Job) -> None:
    class Watched(InProcessEngine):
        slots = 3

        def __init__(self) -> None:
            super().__init__()
            self.stopped: list[int] = []

        def stop(self, key: int) -> None:
            self.stopped.append(key)
            super().stop(key)

    def refuse(key: int, end: Finished | Failed, points: Sequence[ReportPoint]) -> None:
        raise RuntimeError(f"fit {key} ended")

    engine = Watched()
    short = replace(job, stop_after=1)
    with pytest.raises(RuntimeError, match="fit 1 ended"):
        run_all(engine, {0: job, 1: short, 2: job, 3: job}, refuse)
    assert engine.stopped == [0, 2]


def test_an_edited_case_is_read_again_by_the_next_engine(job: Job, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = Path(TINY).read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    mine = replace(job, case=str(file))

    def points(engine: InProcessEngine) -> list[ReportPoint]:
        seen: list[ReportPoint] = []
        run_all(engine, {0: mine}, lambda key, end, points: seen.extend(points))
        return seen

    engine = InProcessEngine()
    before = points(engine)
    file.write_text(
        text.replace("build_mlp(hyperparameters", "build_mlp(type(hyperparameters)(width=7)"),
        encoding="utf-8",
    )
    assert points(engine) == before, "never in the middle of a study"
    assert points(InProcessEngine()) != before
