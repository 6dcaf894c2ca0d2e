"""A search in virtual time: ask, give jobs to the engine, take events in order, prune, tell.

Virtual time is the work that a training has done, counted from its shapes (see work.py), or in
reports if it cannot be counted. The next event is always that of the running trial with the least
virtual time. So decisions do not depend on which worker happened to be faster: with any number of
workers, a study is a function of its inputs. `--order arrival` gives this up and takes events as
they come.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from optuna.trial import TrialState

from tuner.errors import StudyError
from tuner.search.lineup import Lineup, most_ahead
from tuner.search.replay import Replay, stages_alongside
from tuner.study.opening import only_failures
from tuner.study.schema import (
    ALONGSIDE,
    ARM,
    CURVE,
    DIVERGED,
    ENDED,
    FAILURE,
    SECONDS,
    STOPPED,
    TRACEBACK,
    WORK,
)
from tuner.study.trials import finished, is_new_guess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Failed
    from tuner.search.lineup import Running
    from tuner.search.mirror import Mirror
    from tuner.study.configuration import Order

    class Stoppable(Protocol):
        """The part of an engine that all searches need, whatever it runs."""

        @property
        def slots(self) -> int:
            """How many trainings can run at once."""

        def stop(self, key: int) -> None:
            """Stop a training."""


BASELINE_ATTEMPTS = 3
SECONDS_BETWEEN_LOOKS = 0.5

R = TypeVar("R", bound="Running")


class Observer(Protocol):
    """Watches a search."""

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        """React to a new point, or to the end of a trial."""


class VirtualTimeSearch(ABC, Generic[R]):
    """Runs one study's search. The only writer of the database.

    Subclasses define what a trial is and what its events mean.

    Args:
        observer: is called for every point and at every trial's end.

    Attributes:
        what: names what has to be fixed if the baseline fails.
    """

    what = "the case"

    def __init__(
        self, mirror: Mirror, engine: Stoppable, order: Order, observer: Observer | None = None
    ) -> None:
        self.mirror, self.study = mirror, mirror.study
        self._stoppable, self.observer = engine, observer
        self.by_work = order == "work"
        self.lineup: Lineup[R] = Lineup(
            engine.slots, most_ahead(engine.slots) if self.by_work else 0
        )
        trials = self.study.get_trials(deepcopy=False)
        self.replay = Replay(trials)
        ends = (trial.user_attrs.get(ENDED, 0.0) for trial in trials if trial.state.is_finished())
        self.now = max(ends, default=0.0)  # virtual time

    @abstractmethod
    def _start(self) -> R | None:
        """Ask for a trial and start its training; None if the trial has ended at once."""

    @abstractmethod
    def _take(self, running: R, timeout: float) -> bool:
        """Take the next event of a trial; return False if none comes within `timeout` seconds."""

    @abstractmethod
    def _enqueue_baseline(self) -> None:
        """Enqueue the baseline as a trial."""

    def search(
        self,
        total: int,
        deadline: float | None = None,
        enough: Callable[[optuna.Study], str | None] | None = None,
    ) -> None:
        """Search until the study has `total` finished trials, or has done enough, or time is up.

        Args:
            deadline: a value of time.monotonic().
            enough: returns the reason why the search has done enough, or None. The reason is stored
                once, as the study's attribute `stopped`; running trials may then finish.

        Raises:
            StudyError: the baseline has failed three times, or with an error that will repeat.
            KeyboardInterrupt: Ctrl-C; running trials stay RUNNING, and `settle` enqueues them
                again.
        """
        self._check_baseline()
        try:
            while True:
                self._fill(total, enough)
                if not self.lineup.running:
                    return
                took = self._take_by_work() if self.by_work else self._take_what_is_there()
                if not took:
                    self.mirror.flush()
                    self._tell_observer()
                if deadline is not None and time.monotonic() > deadline:
                    return
        finally:
            for trial in self.lineup:
                self._stoppable.stop(trial.number)
            self.lineup.clear()
            self.mirror.flush()

    def _fill(self, total: int, enough: Callable[[optuna.Study], str | None] | None) -> None:
        """Begin trials and ask for more, until enough are under way."""
        while True:
            self.lineup.begin(self.now)
            if self.lineup.is_full or not self._wants_another(total, enough):
                return
            if (started := self._start()) is not None:
                self.lineup.add(started)

    def _wants_another(
        self, total: int, enough: Callable[[optuna.Study], str | None] | None
    ) -> bool:
        """Whether one more trial is wanted.

        Up to the total, a queued trial always is. A baseline that has failed and waits for its next
        attempt is wanted beyond the total too: without its score the others are useless. Once the
        search has done enough, a guess that no run has tried is not wanted, unless some other trial
        is queued behind it: trials begin in the order of their numbers.
        """
        done = finished(self.study)
        trials = self.study.get_trials(deepcopy=False)
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        if done + len(self.lineup) >= total:
            return any(trial.user_attrs.get(ARM) == "baseline" for trial in waiting)
        if not all(map(is_new_guess, waiting)):
            return True
        stopped = self.study.user_attrs.get(STOPPED)
        if stopped is None and enough and (reason := enough(self.study)):
            stopped = {"reason": reason, "trials": done}
            self.study.set_user_attr(STOPPED, stopped)
        return stopped is None

    def _waiting(self) -> FrozenTrial | None:
        """Return the next trial in the queue, if any."""
        trials = self.study.get_trials(deepcopy=False)
        return next((trial for trial in trials if trial.state == TrialState.WAITING), None)

    def _take_by_work(self) -> bool:
        """Take the next event of the trial with the least virtual time; return whether one came."""
        return self._take(self.lineup.furthest_behind(), SECONDS_BETWEEN_LOOKS)

    def _take_what_is_there(self) -> bool:
        """Take the next event of every trial that has one; return whether one came."""
        running = tuple(self.lineup.running.values())
        wait = SECONDS_BETWEEN_LOOKS / len(running) / 5
        took = [self._take(trial, wait) for trial in running]  # a list: every trial is asked
        return any(took)

    def _end(self, running: R, state: TrialState, value: float | None = None) -> None:
        trial = running.trial
        self.now = max(self.now, running.clock)  # so that a resumed search can restore it
        trial.set_user_attr(CURVE, running.history.curve())
        trial.set_user_attr(SECONDS, time.perf_counter() - running.started)
        trial.set_user_attr(WORK, running.clock - running.begun)
        trial.set_user_attr(ENDED, self.now)
        self.lineup.remove(running)
        if others := self.lineup.running:
            reached = {number: len(other.history.stages) for number, other in others.items()}
            trial.set_user_attr(ALONGSIDE, stages_alongside(reached))
        ended = self.study.tell(trial, value, state)
        self._tell_observer(ended)

    def _fail(self, running: R, event: Failed) -> None:
        running.trial.set_user_attr(FAILURE, event.reason)
        running.trial.set_user_attr(DIVERGED, event.diverged)
        if event.traceback:
            running.trial.set_user_attr(TRACEBACK, event.traceback)
        self._end(running, TrialState.FAIL)
        self._check_baseline(event)

    def _tell_observer(self, ended: FrozenTrial | None = None) -> None:
        if self.observer is not None:
            self.observer.update(list(self.lineup.running.values()), ended)

    def _check_baseline(self, failed: Failed | None = None) -> None:
        """Enqueue the baseline again after it failed; without it there is nothing to compare with.

        Args:
            failed: how the last failed trial ended. An error that will repeat is not tried again.
        """
        attempts = [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if trial.user_attrs.get(ARM) == "baseline"
        ]
        if any(trial.state != TrialState.FAIL for trial in attempts):
            return
        useless = failed is not None and not (failed.diverged or failed.may_pass)
        if attempts and (useless or len(attempts) >= BASELINE_ATTEMPTS):
            times = "" if len(attempts) == 1 else f" {len(attempts)} times, the last time"
            again = (
                "run the same command again"
                if only_failures(self.study)
                else "start a new study with --name"
            )
            advice = f"Fix {self.what}, and {again}"
            if failed is not None and failed.may_pass:
                advice = failed.what_to_do.removesuffix(".")
            raise StudyError(
                f"the baseline failed{times}: {attempts[-1].user_attrs['failure']}. {advice}"
            )
        self._enqueue_baseline()
