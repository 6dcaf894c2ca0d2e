"""Functions that make configs, studies and engines for several tests."""

from __future__ import annotations

import functools
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState

from tuner.case.loading import load_case
from tuner.case.source import source_of
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.processes import ProcessEngine
from tuner.runs.models.retraining import retrain
from tuner.runs.settings import RetrainingSettings, Stored
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.search.pruner import PRUNER, pruner_named
from tuner.study.configuration import StudyConfig
from tuner.study.designing import design_for
from tuner.study.opening import open_study
from tuner.training.plan import Plan
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna

    from tuner.case.contract import Case
    from tuner.engines.job import Engine, Job
    from tuner.runs.settings import Arm
    from tuner.search.lineup import Running
    from tuner.search.virtual_time import Observer
    from tuner.training.plan import Precision

TINY = str(Path(__file__).parent / "cases" / "tiny.py")
HERE = Workplace.at()  # the current folder
DATABASE = HERE.url
STAMPS = str(Path(TINY).with_name("stamps.py"))
UNCHANGED = {TINY, STAMPS, "housing", "mnist", "flowers"}  # no test edits these


@functools.cache
def _known_case(reference: str) -> Case:
    """Load a case only once per process, because loading samples its search space."""
    return load_case(reference)


def make_brief(reference: str, folder: Path, seed: int = 0, **fixed: Any) -> StudyConfig:
    """A config of a case that needs no downloaded data."""
    case = _known_case(reference) if reference in UNCHANGED else load_case(reference)
    dataset = case.dataset(Folders(own=folder / "data"))
    case = case.settled(dataset)
    return StudyConfig(
        case=case.settled(dataset),
        reference=reference,
        dataset=dataset,
        source=source_of(reference),
        data_folder=cache.store(dataset, folder / "cache"),
        seed=seed,
        fixed=fixed,
        plan=Plan(),
        pruner=PRUNER,
        design=design_for(case, dataset),
    )


def rerun(job: Job, **changes: Any) -> Job:
    """Return the same job with changes to its only run."""
    (only,) = job.replicas
    return replace(job, replicas=(replace(only, **changes),))


def open_as_command(
    url: str,
    name: str,
    config: StudyConfig,
    choose: Callable[[], Plan] | None = None,
    precision: Precision | None = None,
) -> tuple[optuna.Study, StudyConfig]:
    """Open a study like the study command."""
    return open_study(url, name, config, pruner_named, choose, precision)


def retrained(
    study: str,
    case_file: str | None = None,
    *,
    arm: Arm = "best",
    number: int | None = None,
    only: tuple[str, ...] = (),
    seeds: int | None = None,
    seed: int | None = None,
    models: int = 1,
    out: Path | None = None,
    workplace: Workplace = HERE,
) -> Path:
    """Retrain like the command, with bundles in folders."""
    stored = Stored(study=study, workplace=workplace, case_file=case_file)
    made = retrain(
        RetrainingSettings(
            stored=stored,
            arm=arm,
            trial=number,
            only=only,
            seeds=seeds,
            seed=seed,
            models=models,
            out=out,
        )
    )
    assert isinstance(made, Path)
    return made


class InterruptsAt:
    """Presses Ctrl-C at its n-th message."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def make_engine(workers: int) -> Engine:
    """Return the engine that the study command would choose."""
    return InProcessEngine() if workers == 1 else ProcessEngine(workers)


def search(
    url: str,
    config: StudyConfig,
    total: int,
    *,
    engine: Engine | None = None,
    observer: Observer | None = None,
    name: str = "study",
) -> optuna.Study:
    """Open or resume a study and search it."""
    study, config = open_as_command(url, name, config)
    own = engine or InProcessEngine()
    try:
        Coordinator(Mirror(study), config, own, observer).search(total)
    finally:
        if engine is None:
            own.close()
    return study


def differences(one: optuna.Study, other: optuna.Study) -> list[tuple[int, str, Any, Any]]:
    """Return what differs between two studies: number of the trial, name, and both values."""
    return [
        (first["number"], name, first.get(name), second.get(name))
        for first, second in zip_longest(*map(_flat, (one, other)), fillvalue={"number": -1})
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    ]


def _flat(study: optuna.Study) -> list[dict[str, Any]]:
    return [{**one, **one.pop("attributes")} for one in history(study)]


def history(study: optuna.Study) -> list[dict[str, Any]]:
    """Return everything about the trials that must repeat: all but clock times."""
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
