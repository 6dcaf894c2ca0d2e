"""What a person sees of a run: lines on a console, and a live table while trials are trained."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from tuner.commands.progress import Progress
from tuner.evidence.diagnosis import diagnose, in_words
from tuner.evidence.signs import curve_of
from tuner.runs.observer import Message, Opened, Searching
from tuner.study.store import facts_of, shown

if TYPE_CHECKING:
    from types import TracebackType

    from optuna.trial import FrozenTrial
    from rich.console import Console

    from tuner.data.dataset import Dataset
    from tuner.runs.observer import Event
    from tuner.workplace import Workplace


class ConsoleObserver:
    """Prints what happens in a run. Ctrl-C ends it; nothing else asks it to stop."""

    def __init__(self, console: Console, workplace: Workplace) -> None:
        self.console, self.workplace = console, workplace
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was, however the run ends."""
        self._end_progress()

    def tell(self, event: Event) -> None:
        """Print what there is to say."""
        if isinstance(event, Opened):
            _introduce(self.console, event, self.workplace)
            remark = partial(_diagnosis, facts_of(event.study))
            self._progress = Progress(event.study, event.case, event.total, self.console, remark)
            self._progress.start()
        elif isinstance(event, Searching):
            if self._progress is not None:
                self._progress.update(event.running, event.ended)
        elif isinstance(event, Message):
            self.console.print(event.text, highlight=False, soft_wrap=True)
        else:
            self._end_progress()

    def wants_stop(self) -> bool:
        """Never: Ctrl-C raises KeyboardInterrupt."""
        return False

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _introduce(console: Console, opened: Opened, workplace: Workplace) -> None:
    dataset: Dataset = opened.dataset
    name = opened.study.study_name
    if dataset.stands_in_for:
        console.print(
            f"NOT {dataset.stands_in_for.upper()}: the data could not be downloaded, so this study "
            f"uses {dataset.name!r}: {dataset.source}",
            style="bold red",
            soft_wrap=True,
        )
    total = f"{'at most ' if opened.at_most else ''}{opened.total}"
    if opened.done > opened.total:
        state = f"{opened.done} trials, which is more than {total}: no trial is added"
    elif opened.done:
        state = f"continues after {opened.done} trials, to {total}"
    else:
        state = f"{total} trials"
    console.print(
        f"Study {name!r}: {state}. Data: {dataset.source}. To watch it in a browser: "
        f"optuna-dashboard {shown(workplace.url)} --artifact-dir {workplace.artifacts}",
        highlight=False,
        soft_wrap=True,
    )


def _diagnosis(facts: dict[str, Any], ended: FrozenTrial) -> str | None:
    """Say what is wrong with the baseline, as soon as it has ended."""
    curve = curve_of(ended, facts)
    if curve is None or ended.user_attrs.get("arm") != "baseline":
        return None
    words = in_words(diagnose(curve), ended.user_attrs["hyperparameters"])
    return f"Diagnosis of the baseline: {words}"
