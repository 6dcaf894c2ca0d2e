"""What a notebook shows while a run lasts: one line that is written anew."""

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

SECONDS_BETWEEN = 0.5  # that the line is written anew


class Display(Protocol):
    """A place in a notebook whose content can change."""

    def update(self, shown: Any) -> None:
        """Show something else there."""


class _Html(str):
    """Text that a notebook takes as HTML."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


class NotebookObserver(Silent):
    """Shows how far a run has come, in one place.

    Args:
        display: that place; its `update` takes what has `_repr_html_`.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._opened: Opened | None = None
        self._stage, self._said = "loading the data", ""
        self._trainings = 0
        self._shown = -SECONDS_BETWEEN

    def tell(self, event: Event) -> None:
        """Show what has changed; what changes often, now and then."""
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
        """Show how the run has ended: what was told last would look as if it still went on."""
        self._stage, self._trainings, self._said = how, 0, ""
        self._display.update(_Html(self.line()))

    def line(self) -> str:
        """Return what there is to show, as HTML."""
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
    """Give what shows a run where it is called from: a line in a notebook, elsewhere nothing."""
    interactive: Any = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        yield Silent()
        return
    display: Any = import_module("IPython.display").display  # it is there, and has no types
    watching = NotebookObserver(display(_Html("<p>Starting</p>"), display_id=True))
    try:
        yield watching
    except BaseException:  # an error that the notebook shows below, or an interrupt
        watching.end("stopped")
        raise
    watching.end("done")
