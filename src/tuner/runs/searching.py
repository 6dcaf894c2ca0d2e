"""What the observer of a run is told while it searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.runs.observer import Message, Searching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from tuner.runs.observer import Observer
    from tuner.search.lineup import Running


class SearchWatch:
    """Hands on what a search tells, each traceback once."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._shown: set[str] = set()

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        """Tell the observer that a point has come, or a trial has ended."""
        self.observer.tell(Searching(running, ended))
        trace = None if ended is None else ended.user_attrs.get("traceback")
        if ended is not None and trace is not None and trace not in self._shown:
            self._shown.add(trace)
            self.observer.tell(Message(f"Trial {ended.number} failed:\n{trace}"))
