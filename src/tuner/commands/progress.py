"""What a person sees while a study runs: a live table, or on a pipe a line a finished trial."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from optuna.trial import TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tuner.study.trials import FINISHED, finished

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.case.contract import Case
    from tuner.search.running import RunningTrial

SECONDS_BETWEEN_DRAWINGS = 0.25


class Progress:
    """Shows a search on a console. Reads the study, writes nothing.

    Args:
        total: trials that the study is to end with.
        remark: what there is to say of a trial that has ended, if anything.
    """

    def __init__(
        self,
        study: optuna.Study,
        case: Case,
        total: int,
        console: Console,
        remark: Callable[[FrozenTrial], str | None] = lambda _: None,
    ) -> None:
        self.study, self.case, self.total, self.console = study, case, total, console
        self.remark = remark
        self.began = time.monotonic()
        self.done_before = finished(study)
        self._drawn = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._refresh_counts()

    def start(self) -> None:
        """Begin to draw, where there is a terminal."""
        if self.console.is_terminal:
            self._live.start()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self.console.is_terminal:
            self._live.stop()

    def update(self, running: list[RunningTrial], ended: FrozenTrial | None) -> None:
        """Show what has changed."""
        if ended is not None:
            self._refresh_counts()
            for line in filter(None, (self._line(ended), self.remark(ended))):
                self.console.print(line, highlight=False, soft_wrap=True)
        now = time.monotonic()
        if self.console.is_terminal and (ended or now - self._drawn > SECONDS_BETWEEN_DRAWINGS):
            self._drawn = now
            self._live.update(self._panel(running), refresh=True)

    def _refresh_counts(self) -> None:
        trials = self.study.get_trials(deepcopy=False)
        self.counts = {state: sum(trial.state == state for trial in trials) for state in FINISHED}
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        baselines = [trial for trial in complete if trial.user_attrs.get("arm") == "baseline"]
        self.baseline = baselines[-1].value if baselines else None
        self.best = self.study.best_trial if complete else None

    def _line(self, ended: FrozenTrial) -> str:
        """One finished trial: what came of it, and where the search stands."""
        arm = ended.user_attrs.get("arm")
        name = f"trial {ended.number}" + (f" ({arm})" if arm else "")
        if ended.state == TrialState.COMPLETE:
            outcome = f"{self.case.metric.name} {ended.value:.4f}"
            if self.best is not None and self.best.number == ended.number and not arm:
                outcome += ", the best so far"
        elif ended.state == TrialState.PRUNED:
            epoch = ended.user_attrs["curve"][-1][1]
            outcome = f"pruned at {self.case.metric.name} {ended.value:.4f}, epoch {epoch:g}"
        else:
            outcome = f"failed: {ended.user_attrs.get('failure', 'no reason recorded')}"
        done = sum(self.counts.values())
        return f"[{done}/{self.total}] {name}: {outcome} ({ended.user_attrs['seconds']:.1f} s)"

    def _panel(self, running: list[RunningTrial]) -> Group:
        done = sum(self.counts.values())
        table = Table.grid(padding=(0, 2))
        for trial in running:
            last = trial.history.points[-1] if trial.history.points else None
            epochs = f"epoch {last.epoch:.1f}" if last else "starting"
            score = trial.history.score
            value = "" if score is None else f"{self.case.metric.name} {score:.4f}"
            table.add_row(f"  trial {trial.number}", epochs, value)
        summary = Text(
            f"{done} of {self.total} trials · {self.counts[TrialState.PRUNED]} pruned · "
            f"{self.counts[TrialState.FAIL]} failed · {self._standing()} · {self._time_left(done)}"
        )
        bar = ProgressBar(total=self.total, completed=done, width=40)
        return Group(bar, summary, table)

    def _standing(self) -> str:
        if self.best is None or self.best.value is None:
            return "no score yet"
        standing = f"best {self.case.metric.name} {self.best.value:.4f}"
        return standing if self.baseline is None else f"{standing}, baseline {self.baseline:.4f}"

    def _time_left(self, done: int) -> str:
        here = done - self.done_before
        if here <= 0:
            return "time left unknown"
        seconds = (time.monotonic() - self.began) / here * (self.total - done)
        return f"about {timedelta(seconds=round(seconds))} left"
