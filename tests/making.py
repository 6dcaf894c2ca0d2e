"""Makers that several tests use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState

from tuner.case import load_case
from tuner.data import cache
from tuner.data.sources import Folders
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.processes import ProcessEngine
from tuner.plan import Plan
from tuner.study.coordinator import Coordinator
from tuner.study.mirror import Mirror
from tuner.study.opening import Brief, open_study

if TYPE_CHECKING:
    import optuna

    from tuner.fits import Engine, Job
    from tuner.objective import RunningTrial
    from tuner.study.coordinator import Observer

TINY = str(Path(__file__).parent / "cases" / "tiny.py")
STAMPS = str(Path(TINY).with_name("stamps.py"))


def make_brief(reference: str, folder: Path, seed: int = 0, **fixed: Any) -> Brief:
    """A brief of a case that needs no data from anywhere."""
    case = load_case(reference)
    dataset = case.dataset(Folders())
    return Brief(
        case=case,
        reference=reference,
        dataset=dataset,
        data_folder=cache.store(dataset, folder / "cache"),
        seed=seed,
        fixed=fixed,
        plan=Plan(),
    )


def rerun(job: Job, **changes: Any) -> Job:
    """The same job with its only run changed."""
    (only,) = job.runs
    return replace(job, runs=(replace(only, **changes),))


class InterruptsAt:
    """Presses Ctrl-C when it is told something for the n-th time."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def update(self, running: list[RunningTrial], ended: FrozenTrial | None) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def make_engine(workers: int) -> Engine:
    """The engine that the study command would take."""
    return InProcessEngine() if workers == 1 else ProcessEngine(workers)


def search(
    url: str,
    brief: Brief,
    total: int,
    *,
    engine: Engine | None = None,
    observer: Observer | None = None,
    name: str = "study",
) -> optuna.Study:
    """Open or resume a study and search it."""
    study, brief = open_study(url, name, brief)
    own = engine or InProcessEngine()
    try:
        Coordinator(Mirror(study), brief, own, observer).search(total)
    finally:
        if engine is None:
            own.close()
    return study


def history(study: optuna.Study) -> list[dict[str, Any]]:
    """Everything about every trial that has to repeat; only the clock may differ."""
    return [
        {
            "number": trial.number,
            "state": trial.state,
            "values": trial.values,
            "params": trial.params,
            "points": trial.intermediate_values,
            "attributes": {k: v for k, v in trial.user_attrs.items() if k != "seconds"},
        }
        for trial in study.get_trials(deepcopy=False)
        if trial.state != TrialState.WAITING
    ]
