"""The display of a run in a notebook: one line that is updated."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from tuner.runs.observer import FitEnded, Message, Opened, Searching, Silent, Stage
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.runs.observer import Event, Observer

SECONDS_BETWEEN = 0.5  # between updates of the line


class Display(Protocol):
    """An area in a notebook whose content can change."""

    def update(self, shown: Any) -> None:
        """Show a new content."""


class _Html(str):
    """Text that a notebook shows as HTML."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


class NotebookObserver(Silent):
    """Shows the progress of a run in one area.

    Args:
        display: the area; its `update` takes an object with `_repr_html_`.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._opened: Opened | None = None
        self._stage, self._said = "loading the data", ""
        self._trainings = 0
        self._shown = -SECONDS_BETWEEN

    def tell(self, event: Event) -> None:
        """Show what has changed; frequent events are shown only from time to time."""
        often = isinstance(event, Searching | FitEnded)
        if isinstance(event, Opened):
            self._opened, self._stage = event, "searching"
        elif isinstance(event, Stage):
            self._stage, self._trainings = event.doing, 0
        elif isinstance(event, FitEnded):
            self._trainings += event.trainings
        elif isinstance(event, Message):
            self._said = event.text.partition("\n")[0]
        now = time.monotonic()
        if not often or now - self._shown >= SECONDS_BETWEEN:
            self._shown = now
            self._display.update(_Html(self.line()))

    def end(self, how: str) -> None:
        """Show how the run ended, in place of the last message of a running one."""
        self._stage, self._trainings, self._said = how, 0, ""
        self._display.update(_Html(self.line()))

    def line(self) -> str:
        """Return the line as HTML."""
        parts = [f"<b>{escape(self._stage)}</b>"]
        if self._opened is not None:
            study = self._opened.study
            most = "at most " if self._opened.at_most else ""
            parts.append(f"{finished(study)} of {most}{self._opened.total} trials")
        if self._trainings:
            parts.append(f"{self._trainings} trainings done")
        if self._said:
            parts.append(escape(self._said))
        return f"<p>{' · '.join(parts)}</p>"


@contextmanager
def observer_here() -> Iterator[Observer]:
    """Yield an observer that suits the caller: a line in a notebook, elsewhere nothing."""
    interactive: Any = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        yield Silent()
        return
    display: Any = import_module("IPython.display").display  # installed, but without types
    watching = NotebookObserver(display(_Html("<p>Starting</p>"), display_id=True))
    try:
        yield watching
    except BaseException:  # an error that the notebook shows below, or an interrupt
        watching.end("stopped")
        raise
    watching.end("done")
