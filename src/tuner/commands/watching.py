"""The output of a run: lines on a console, and a live table while trials are trained."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from rich.console import Console

from tuner.commands.ending import INTERRUPTED
from tuner.commands.forecast import about
from tuner.commands.heartbeat import Heartbeat
from tuner.commands.progress import Progress
from tuner.evidence.duration import duration_in_words
from tuner.evidence.trials.diagnosis import diagnose, diagnosis_in_words
from tuner.evidence.trials.signs import curve_of
from tuner.report.facts.origin import dashboard_of
from tuner.runs.observer import FitEnded, Message, Opened, Searching, Stage
from tuner.runs.quiet import quieten_optuna
from tuner.study.schema import ARM, HYPERPARAMETERS
from tuner.study.store import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from optuna.trial import FrozenTrial

    from tuner.runs.observer import Event, Observer
    from tuner.runs.settings import Stored
    from tuner.workplace import Workplace


class _OfStored(Protocol):
    """Settings of a run on an existing study."""

    @property
    def stored(self) -> Stored:
        """The study."""


S = TypeVar("S", bound=_OfStored)
R = TypeVar("R")


def watched(run: Callable[[S, Observer], R], settings: S) -> tuple[Console, R]:
    """Run something that trains for an existing study, show its progress, and return its result."""
    quieten_optuna()
    console = Console(markup=False, highlight=False, soft_wrap=True)
    with ConsoleObserver(console, settings.stored.workplace) as observer:
        came = run(settings, observer)
    return console, came


def say_stopped(console: Console) -> int:
    """Print that a run was stopped by Ctrl-C; return the command's exit status."""
    console.print("\nStopped. Finished work is kept. Run the same command again to continue.")
    return INTERRUPTED


class ConsoleObserver:
    """Prints the events of a run. It never stops a run: Ctrl-C does."""

    def __init__(self, console: Console, workplace: Workplace) -> None:
        self.console, self.workplace = console, workplace
        self._progress: Progress | None = None
        self._searching = False
        self._began = self._stage_began = time.monotonic()
        self._stage = Stage("working")
        self._trainings = 0  # number of trainings that have ended in this stage
        self._heartbeat = Heartbeat(self._print, self._still)

    def __enter__(self) -> Self:
        """Start the heartbeat."""
        self._heartbeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the terminal, however the run ends."""
        self._heartbeat.stop()
        with self.console.capture():
            pass  # discard a line that Ctrl-C has interrupted, which would be printed again
        self._end_search()

    def tell(self, event: Event) -> None:
        """Print an event, if it is worth a line."""
        if isinstance(event, Opened):
            _introduce(self.console, event, self.workplace)
            remark = partial(_diagnosis, facts_of(event.study))
            self._progress = Progress(
                event.study,
                event.metric,
                event.total,
                self.console,
                remark,
                rounds=event.rounds,
                models=event.models,
                slots=event.slots,
                budget=event.budget,
            )
            self._searching = True
            self._progress.start()
        elif isinstance(event, Searching):
            if self._progress is not None:
                self._progress.update(event.running, event.ended)
            if event.ended is None:
                return  # nothing was printed
        elif isinstance(event, Message):
            self.console.print(event.text, highlight=False, soft_wrap=True)
        elif isinstance(event, Stage):
            self._stage, self._stage_began, self._trainings = event, time.monotonic(), 0
            return
        elif isinstance(event, FitEnded):
            self._trainings += event.trainings
            return
        else:
            self._end_search()
        self._heartbeat.spoke()

    def wants_stop(self) -> bool:
        """Return False: Ctrl-C raises KeyboardInterrupt instead."""
        return False

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)

    def _still(self, now: float) -> str | None:
        """Return that work continues, and its progress; None while a live table shows it."""
        so_far = f"{timedelta(seconds=round(now - self._began))} so far"
        if self._searching and self._progress is not None:
            return None if self._progress.is_live else f"{self._progress.standing()} · {so_far}"
        parts = [f"Still {self._stage.doing}"]
        if self._trainings:
            parts.append(f"{self._trainings} training{'s' if self._trainings > 1 else ''} done")
        parts.append(so_far)
        if self._progress is not None and self._stage.confirms and self._trainings:
            left = self._progress.forecast.confirming(self._trainings, now - self._stage_began)
            parts.append(about(left))
        return " · ".join(parts)

    def _end_search(self) -> None:
        if self._searching and self._progress is not None:
            self._progress.stop()
        self._searching = False


def _introduce(console: Console, opened: Opened, workplace: Workplace) -> None:
    name = opened.study.study_name
    if opened.stands_in_for:
        console.print(
            f"NOT {opened.stands_in_for.upper()}: the data could not be downloaded, so this study "
            f"uses a stand-in: {opened.data}",
            style="bold red",
            soft_wrap=True,
        )
    total = f"{'at most ' if opened.at_most else ''}{opened.total}"
    if opened.budget is not None:
        before = f"continues after {opened.done} trials, with " if opened.done else ""
        state = f"{before}{duration_in_words(opened.budget)} of its time budget left"
    elif opened.done >= opened.total:
        state = f"has {opened.done} trials, and {total} were asked for: no trial is added"
    elif opened.done:
        state = f"continues after {opened.done} trials, to {total}"
    else:
        state = f"{total} trials"
    console.print(
        f"Study {name!r}: {state}. Data: {opened.data}. To watch it in a browser: "
        f"{dashboard_of(workplace)}",
        highlight=False,
        soft_wrap=True,
    )


def _diagnosis(facts: dict[str, Any], ended: FrozenTrial) -> str | None:
    """Return what is wrong with the baseline, once it has ended."""
    curve = curve_of(ended, facts)
    if curve is None or ended.user_attrs.get(ARM) != "baseline":
        return None
    words = diagnosis_in_words(diagnose(curve), ended.user_attrs[HYPERPARAMETERS])
    return f"Diagnosis of the baseline: {words}"
