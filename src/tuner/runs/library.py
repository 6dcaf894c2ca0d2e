"""The commands as functions, for programs and notebooks.

None of them prints, changes the number of threads, seeds a generator of the caller, or leaves
signals, warnings or loggers changed.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tuner.case.reference import is_file, is_loop
from tuner.engines.compute import Compute
from tuner.errors import UsageError
from tuner.runs.arguments import (
    check_by_name,
    check_case,
    check_number,
    check_seconds,
    check_tries,
    check_whole,
)
from tuner.runs.folder.inventory import studies_of
from tuner.runs.handle import Study
from tuner.runs.settings import DEFAULT_TRIALS, StudySettings
from tuner.runs.study import run_study as run
from tuner.runs.typed import assigned, command_of
from tuner.runs.unaffected import unaffected
from tuner.runs.watching import observer_here
from tuner.seeds import LARGEST
from tuner.study.limits import Limits
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Direction
    from tuner.runs.folder.inventory import Entry
    from tuner.runs.observer import Observer


def run_study(
    case: str | Path,
    *,
    trials: int | Literal["default"] | None = "default",
    name: str | None = None,
    seed: int = 0,
    seeds: int | None = None,
    metric: str | None = None,
    fix: Mapping[str, object] | None = None,
    tries: Sequence[Mapping[str, object]] = (),
    max_parameters: int | None = None,
    max_latency_ms: float | None = None,
    max_cost: float | None = None,
    direction: Direction | None = None,
    score: str | None = None,
    baseline: Mapping[str, object] | None = None,
    recipe: Mapping[str, object] | None = None,
    timeout: float | None = None,
    budget: float | None = None,
    workers: int | None = None,
    data_dir: str | Path | None = None,
    home: str | Path | None = None,
    storage: str | None = None,
    accept_changes: bool = False,
    observer: Observer | None = None,
) -> Study:
    """Make a study, or continue it, as `tuner study` does; return it.

    >>> study = run_study("mine.py", trials=5, seeds=2, workers=1)
    >>> study
    <Study 'tiny': ...>

    Args:
        case: name of a case, path of a case file, a loop: "train.py:objective", or data of one's
            own as `tuner study` takes it: "table --data houses.csv --target price", or
            "images --data photos".
        trials: number of finished trials at the end; None: as many as are worth it. The default is
            50, or only the `tries` if a study is continued with these.
        name: of the study; None: that of its data.
        seed: of the study.
        seeds: models per arm that are scored on the test rows, in one look; None: 4, and 4 more if
            those prove nothing; 0: confirm nothing and do not use the test rows. A loop is called
            on this many fresh seeds, or on up to four times as many; None: on 6 to 24.
        metric: what is searched for; None: the metric of the case. A loop reports its own score.
        fix: hyperparameters that are not searched, with their values.
        tries: configurations to train next; values that are not named are those of the baseline.
        max_parameters: the most parameters of a model; larger ones are not trained.
        max_latency_ms: the most time of a model for one row, measured here before its training.
        max_cost: the most computation of a training, as a multiple of the baseline's.
        direction: of a loop's score, if its file does not give it; `score` is the score's name.
        baseline: values to beat, by name, if a loop's file has none; the same for `recipe`.
        timeout: seconds after which the search ends; None: no limit.
        budget: seconds for all runs of the study together, confirmation included; the search stops
            asking for trials so that the rest fits, or at `trials`, whichever comes first.
        workers: fits that run at once; None: one per core, or one per GPU.
        data_dir: folder with the raw data; None: the data folder in the home folder.
        home: folder for everything that studies write; None: "storage".
        storage: URL of the database; None: studies.db in that folder.
        accept_changes: continue a study although its case, data or tuner's training code changed.
        observer: gets progress messages, and may ask the run to stop; None: a notebook shows a
            line, a program nothing.

    Raises:
        TunerError: the same errors as `tuner study`; finished work is kept in the database.
        KeyboardInterrupt: it was interrupted; finished work is kept, and the same call
            continues.
    """
    check_case(case)
    for what, several in (("fix", fix), ("baseline", baseline), ("recipe", recipe)):
        check_by_name(what, several)
    check_tries(tries)
    check_whole("seed", seed, 0, LARGEST)
    check_whole("seeds", seeds, 0)
    check_seconds("timeout", timeout)
    check_seconds("budget", budget)
    check_whole("max_parameters", max_parameters, 1)
    check_number("max_latency_ms", max_latency_ms)
    check_number("max_cost", max_cost)
    settings = StudySettings(
        case=str(case),
        workplace=workplace(home, storage),
        command="",
        trials=DEFAULT_TRIALS if trials == "default" else trials,
        trials_by_default=trials == "default" and budget is None,
        name=name,
        seed=seed,
        seeds=seeds,
        metric=metric,
        fix=assigned(fix),
        direction=direction,
        score=score,
        baseline=assigned(baseline),
        recipe=assigned(recipe),
        tries=tuple(",".join(assigned(one)) for one in tries),
        limits=Limits(parameters=max_parameters, latency_ms=max_latency_ms, cost=max_cost),
        timeout=timeout,
        budget=budget,
        data_dir=None if data_dir is None else Path(data_dir),
        accept_changes=accept_changes,
        compute=Compute(workers),
    )
    settings = replace(settings, command=command_of(settings, home, storage))
    return _made(settings, observer)


def _made(settings: StudySettings, observer: Observer | None) -> Study:
    """Run a study without changing anything of the caller; return it."""
    with unaffected(), nullcontext(observer) if observer else observer_here() as watching:
        ended = run(settings, watching)
    file = settings.case if is_file(settings.case) or is_loop(settings.case) else None
    return Study(ended.study, settings.workplace, file, settings.compute.workers)


def open_study(
    name: str,
    *,
    case: str | Path | None = None,
    home: str | Path | None = None,
    storage: str | None = None,
    workers: int | None = None,
) -> Study:
    """Return an existing study.

    >>> open_study("tiny").verdict.startswith("No ")
    True

    Args:
        name: of the study.
        case: file of your own case; needed to train, not to read results.
        home: folder of the studies; None: "storage".
        storage: URL of the database; None: studies.db in that folder.
        workers: fits that run at once; None: one per core, or one per GPU.

    Raises:
        UsageError: there is no such study.
        StoreError: there is no such database.
    """
    return Study(name, workplace(home, storage), None if case is None else str(case), workers)


def list_studies(*, home: str | Path | None = None, storage: str | None = None) -> list[Entry]:
    """Return all studies by name, each with its number of trials, best score and verdict.

    >>> [(study.name, study.trials) for study in list_studies()]
    [('tiny', 5)]

    Raises:
        StoreError: the database cannot be opened.
    """
    with unaffected():
        return studies_of(workplace(home, storage))


def workplace(home: str | Path | None, storage: str | None) -> Workplace:
    """Return the workplace of these studies.

    Raises:
        UsageError: the home folder is a file.
        StoreError: the URL names no database.
    """
    if home is not None and Path(home).is_file():
        raise UsageError(f"home is {str(home)!r}, which is a file; name a folder")
    return Workplace.at(None if home is None else Path(home), storage)
