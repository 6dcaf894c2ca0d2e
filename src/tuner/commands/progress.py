"""Shows a running study: a live table, or on a pipe one line per finished trial."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from optuna.trial import TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from tuner.case.figures import score_text
from tuner.commands.forecast import Forecast, about
from tuner.evidence.duration import lengths_of
from tuner.study.limits import breaks_limits
from tuner.study.schema import ARM, CURVE, FACTS, FAILURE, GUESS, SECONDS, TRIED
from tuner.study.trials import FINISHED, counts, finished, sign_of_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.search.lineup import Running

SECONDS_BETWEEN_DRAWINGS = 0.25
SECONDS_BETWEEN_FORECASTS = 1.0  # it takes a while for a study of thousands of trials
WIDEST_BAR = 40
SAID = ((TRIED, "yours"), (GUESS, "guess"))  # labels of trials that the search has not drawn


class Progress:
    """Shows a search on a console. Reads the study, writes nothing.

    Args:
        metric: name of the score.
        total: number of trials that the study ends with.
        remark: returns a remark on an ended trial, if any.
        rounds: the most that the race on fresh seeds and folds has.
        models: per arm, at each look of the confirmation that follows; empty if there is none.
        slots: fits that run at once.
        budget: seconds that decide how many trials there are; None if the total does.
    """

    def __init__(
        self,
        study: optuna.Study,
        metric: str,
        total: int,
        console: Console,
        remark: Callable[[FrozenTrial], str | None] = lambda _: None,
        *,
        rounds: int = 0,
        models: Sequence[int] = (),
        slots: int = 1,
        budget: float | None = None,
    ) -> None:
        self.study, self.metric, self.total, self.console = study, metric, total, console
        self.remark = remark
        self.rounds, self.models = rounds, models
        self._facts, self._sign = study.user_attrs.get(FACTS), sign_of_study(study)
        self._forecast = Forecast(total, finished(study), slots, time.monotonic(), budget)
        self._complete: list[FrozenTrial] = []
        self._is_news = False  # whether the forecast is out of date
        self._told = -math.inf  # time of the last forecast
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        self._drawn = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._refresh_counts()

    def start(self) -> None:
        """Start the display, if there is a capable terminal."""
        if self.is_live:
            self._live.start()

    def stop(self) -> None:
        """Restore the terminal; no more trials come."""
        if self.is_live:
            self._live.stop()
        self.total = sum(self.counts.values())
        self._is_news, self._told = True, -math.inf

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        """Show what has changed."""
        if ended is not None:
            self._refresh_counts()
            for line in filter(None, (self._line(ended), self.remark(ended))):
                self.console.print(line, highlight=False, soft_wrap=True)
        now = time.monotonic()
        if self.is_live and (ended or now - self._drawn > SECONDS_BETWEEN_DRAWINGS):
            self._drawn = now
            self._live.update(self._panel(running), refresh=True)

    @property
    def forecast(self) -> Forecast:
        """Return a prediction of the remaining time, from the trials that have ended."""
        now = time.monotonic()
        if self._is_news and self._facts and now >= self._told + SECONDS_BETWEEN_FORECASTS:
            self._is_news = False  # before the computation, during which more may come
            more = max(0, self.total - sum(self.counts.values()))
            lengths = lengths_of(self._complete, self._facts, self._sign, more=more)
            if lengths is not None:
                self._forecast.looks = [
                    lengths.confirmation(self.rounds, models) for models in self.models
                ]
            self._told = now
        return self._forecast

    def standing(self) -> str:
        """Return the state of the search in one line."""
        return " · ".join(self._parts())

    def _refresh_counts(self) -> None:
        trials = [trial for trial in self.study.get_trials(deepcopy=False) if counts(trial)]
        self.counts = {state: sum(trial.state == state for trial in trials) for state in FINISHED}
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        baselines = [trial for trial in complete if trial.user_attrs.get(ARM) == "baseline"]
        self.baseline = baselines[-1].value if baselines else None
        able = [trial for trial in complete if not breaks_limits(trial)]
        signed = [(self._sign * one.values[0], -one.number, one) for one in able]
        self.best = max(signed)[2] if signed else None
        self._complete, self._is_news = complete, True

    def _line(self, ended: FrozenTrial) -> str:
        """Return the result of a finished trial, and its duration, in one line."""
        arm = ended.user_attrs.get(ARM)
        whose = arm or next((said for key, said in SAID if key in ended.user_attrs), "")
        name = f"trial {ended.number}" + (f" ({whose})" if whose else "")
        if ended.state == TrialState.COMPLETE:
            outcome = f"{self.metric} {score_text(ended.values[0])}"
            if self.best is not None and self.best.number == ended.number and not arm:
                outcome += ", the best so far"
        elif ended.state == TrialState.PRUNED:
            outcome = f"pruned {self._where(ended)}"
        else:
            outcome = f"failed: {ended.user_attrs.get(FAILURE, 'no reason recorded')}"
        done = sum(self.counts.values())
        of = "" if self._forecast.budget is not None else f"/{self.total}"
        return f"[{done}{of}] {name}: {outcome} ({ended.user_attrs[SECONDS]:.1f} s)"

    def _where(self, ended: FrozenTrial) -> str:
        """Return where a trial ended: at an epoch, or at the step that a loop has reported."""
        curve = ended.user_attrs.get(CURVE)
        if not curve:
            return "before its first report"
        unit = "epoch" if curve[-1][2] is not None else "step"
        score = "no score" if ended.value is None else f"{self.metric} {score_text(ended.value)}"
        return f"at {score}, {unit} {curve[-1][1]:g}"

    def _panel(self, running: Sequence[Running]) -> Group:
        done, width = sum(self.counts.values()), self.console.width
        bar = ProgressBar(total=self.total, completed=done, width=min(WIDEST_BAR, width))
        lines = [*_filled(self._parts(), width), *map(self._running_line, running)]
        return Group(bar, *(Text(line, overflow="fold") for line in lines))

    def _running_line(self, trial: Running) -> str:
        score = trial.history.score
        value = "" if score is None else f"  {self.metric} {score_text(score)}"
        return f"  trial {trial.number}  {trial.history.progress}{value}"

    def _parts(self) -> list[str]:
        done = sum(self.counts.values())
        return [
            f"{done} trials"
            if self._forecast.budget is not None
            else f"{done} of {self.total} trials",
            f"{self.counts[TrialState.PRUNED]} pruned",
            f"{self.counts[TrialState.FAIL]} failed",
            self._standing(),
            about(self.forecast.left(done, time.monotonic())),
        ]

    def _standing(self) -> str:
        if self.best is None or self.best.value is None:
            return "no score yet"
        standing = f"best {self.metric} {score_text(self.best.value)}"
        return (
            standing
            if self.baseline is None
            else f"{standing}, baseline {score_text(self.baseline)}"
        )


def _filled(parts: Iterable[str], width: int) -> list[str]:
    """Return a line with as many parts as fit."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else part
        if lines and len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines
