"""One run of the study command, from top to bottom: data, study, search, confirmation, report."""

from __future__ import annotations

import shlex
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import optuna
from rich.console import Console
from rich.markdown import Markdown

from tuner.case import load_case
from tuner.cli import ARTIFACTS, AUTO, INTERRUPTED, STORAGE
from tuner.cores import usable_cores
from tuner.data import cache
from tuner.data.sources import Folders
from tuner.engines.choosing import choose_place
from tuner.engines.forking import pool
from tuner.evidence.confirmation import confirm
from tuner.evidence.diagnosis import diagnose, in_words
from tuner.evidence.importance import explain
from tuner.evidence.signs import curve_of
from tuner.evidence.stopping import CEILING, reason_to_stop
from tuner.manifest import machine
from tuner.naming import folder_name
from tuner.report.writing import write_report
from tuner.space import parse_fixed
from tuner.study.attributes import SESSIONS, STOPPED
from tuner.study.coordinator import Coordinator
from tuner.study.lock import only_writer
from tuner.study.mirror import Mirror
from tuner.study.opening import Brief, finished, open_study
from tuner.study.progress import Progress
from tuner.study.publishing import publish_report
from tuner.study.store import facts_of, settle, shown

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tuner.data.dataset import Dataset
    from tuner.engines.choosing import Place
    from tuner.fits import Engine


def run_study(arguments: Namespace, command: str) -> int:
    """Do what `python -m tuner.study` was asked to; return the exit status.

    Raises:
        TunerError: as the parts raise it; the database is then as far as it got.
    """
    _quieten()
    console = Console(markup=False)
    case = load_case(arguments.case)
    fixed = parse_fixed(case, arguments.fix)
    dataset = case.dataset(Folders(given=arguments.data_dir, own=STORAGE / "data"))
    name = folder_name(dataset.name if arguments.name is None else arguments.name)
    place = choose_place(arguments)
    brief = Brief(
        case=case,
        reference=arguments.case,
        dataset=dataset,
        data_folder=cache.folder_of(STORAGE / "cache", dataset.fingerprint),
        seed=arguments.seed,
        fixed=fixed,
        order=arguments.order,
    )
    choose = partial(place.plan, case, dataset, arguments.precision)
    with only_writer(arguments.storage, name):
        study, brief = open_study(arguments.storage, name, brief, choose, arguments.precision)
        cache.store(dataset, STORAGE / "cache")
        _introduce(console, name, dataset, study, arguments)
        try:
            report = _run(study, brief, place, arguments, command, console)
        except KeyboardInterrupt:
            settle(study)
            console.print(
                f"\nStopped. Nothing finished is lost; to go on:\n  {command}", soft_wrap=True
            )
            return INTERRUPTED
    _conclude(console, report)
    return 0


def _run(
    study: optuna.Study,
    brief: Brief,
    place: Place,
    arguments: Namespace,
    command: str,
    console: Console,
) -> Path:
    """Search, confirm and report; return the report."""
    typed, public = arguments.storage, shown(arguments.storage)
    words = [word.replace(typed, public) for word in shlex.split(command)]
    with closing(place.engine(brief.plan)) as engine:
        record = _Record(study, shlex.join(words), engine.slots, place, arguments.data_dir)
        with record.timing("search_seconds"):
            _search(study, brief, engine, arguments, console)
        with pool(min(engine.slots, usable_cores()), _quieten) as processes:
            explain(study, console.print, processes)
        if arguments.seeds:
            models = STORAGE / "confirmation" / study.study_name
            with record.timing("confirmation_seconds"):
                confirm(study, brief, engine, arguments.seeds, models, console.print)
    report = write_report(study, arguments.storage, STORAGE / "reports" / study.study_name)
    publish_report(study, report)
    return report


def _quieten() -> None:
    """Have Optuna say nothing but what goes wrong: what happens, the command says itself."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _introduce(
    console: Console, name: str, dataset: Dataset, study: optuna.Study, arguments: Namespace
) -> None:
    if dataset.stands_in_for:
        console.print(
            f"NOT {dataset.stands_in_for.upper()}: its data could not be had, so this is a study "
            f"of {dataset.name!r}: {dataset.source}",
            style="bold red",
            soft_wrap=True,
        )
    done, auto = finished(study), arguments.trials == AUTO
    total = f"{'at most ' if auto else ''}{CEILING if auto else arguments.trials}"
    state = f"goes on after {done} trials, to {total}" if done else f"{total} trials"
    console.print(
        f"Study {name!r}: {state}. Data: {dataset.source}. To watch it in a browser: "
        f"optuna-dashboard {shown(arguments.storage)} --artifact-dir {ARTIFACTS}",
        highlight=False,
        soft_wrap=True,
    )


def _conclude(console: Console, report: Path) -> None:
    """Show the first screen of the report: the verdict and the table of arms."""
    first_screen = report.read_text(encoding="utf-8").split("\n\n## ")[0]
    console.print()
    if console.is_terminal:
        console.print(Markdown(first_screen))
    else:
        console.print(first_screen, highlight=False, soft_wrap=True)
    console.print(f"\nReport: {report}", soft_wrap=True)


def _search(
    study: optuna.Study, brief: Brief, engine: Engine, arguments: Namespace, console: Console
) -> None:
    deadline = arguments.timeout and time.monotonic() + arguments.timeout
    remark = partial(_diagnosis, facts_of(study))
    auto = arguments.trials == AUTO
    total, enough = (CEILING, reason_to_stop) if auto else (arguments.trials, None)
    if not auto and study.user_attrs.get(STOPPED):
        study.set_user_attr(STOPPED, None)  # more is wanted than the rule would have made
    mirror = Mirror(study)
    with Progress(mirror.study, brief.case, total, console, remark) as progress:
        Coordinator(mirror, brief, engine, progress).search(total, deadline, enough)
    if settle(study):
        console.print(f"The time is over after {finished(study)} of {total} trials.")
    elif stopped := study.user_attrs.get(STOPPED):
        console.print(f"Stopped by --trials auto {stopped['reason']}.", soft_wrap=True)


def _diagnosis(facts: dict[str, Any], ended: FrozenTrial) -> str | None:
    """Say what is wrong with the baseline, as soon as it has ended."""
    curve = curve_of(ended, facts)
    if curve is None or ended.user_attrs.get("arm") != "baseline":
        return None
    words = in_words(diagnose(curve), ended.user_attrs["hyperparameters"])
    return f"Diagnosis of the baseline: {words}"


class _Record:
    """The entry of this run among the study's sessions: what was typed, where, and how long."""

    def __init__(
        self,
        study: optuna.Study,
        command: str,
        workers: int,
        place: Place,
        data_dir: Path | None,
    ) -> None:
        self.study, self.before = study, study.user_attrs.get(SESSIONS, [])
        self.entry: dict[str, Any] = {
            "command": command,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "workers": workers,
            "data_dir": data_dir and str(data_dir),
            "machine": machine(),
            **place.facts(),
        }
        self._write()

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Note how many seconds a part of the run has taken, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.entry[part] = time.monotonic() - began
            self._write()

    def _write(self) -> None:
        self.study.set_user_attr(SESSIONS, [*self.before, self.entry])
