"""The search: ask, hand to the engine, take points in the order of virtual time, prune, tell.

Virtual time is the work that a fit has done, counted from its shapes (see work.py). Points are
taken from whichever running trial is furthest behind in it, so decisions do not depend on which
worker happened to be faster: with any number of workers, a study is a function of its inputs.
A worker that is ahead of the others in it would have to wait for them; so that it does not, some
trials are asked for before it is their turn. `--order arrival` gives all that up: points are taken
as they come.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from optuna.trial import TrialState

from tuner.engines.job import Failed, Finished, Job, Replica
from tuner.errors import CaseError, StudyError
from tuner.search.running import RunningTrial
from tuner.search.sampler import Samplers
from tuner.search.scoring import History
from tuner.seeds import derive
from tuner.study.opening import enqueue_arm, finished
from tuner.study.schema import STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine, Event
    from tuner.search.mirror import Mirror
    from tuner.study.configuration import StudyConfig

BASELINE_ATTEMPTS = 3
SECONDS_BETWEEN_LOOKS = 0.5
SHARE_AHEAD = 0.18  # by simulation (studies/scale): with more, more is trained for nothing


def most_ahead(slots: int) -> int:
    """Return how many trials more than there are slots are asked for ahead of their time.

    A worker that is done with a trial while others are behind in virtual time has one of them to go
    on with; the sampler knows a little less by it.
    """
    return math.ceil((slots - 1) * SHARE_AHEAD)


class Observer(Protocol):
    """Somebody who watches a search."""

    def update(self, running: list[RunningTrial], ended: FrozenTrial | None) -> None:
        """Be told that something has happened: a point, or that a trial has ended."""


def search_job(config: StudyConfig, hyperparameters: Mapping[str, Any], seed: int) -> Job:
    """Train on all folds of the search's split, in lockstep."""
    return Job(
        case=config.reference,
        hyperparameters=hyperparameters,
        data=config.data_folder,
        source=config.source.digest,
        replicas=(Replica(seed=seed, split_seed=config.seed),),
        plan=config.plan,
    )


class Coordinator:
    """Runs one study's search. The only writer of the database.

    Args:
        observer: is told of every point, and of every trial's end.
        sampler: makes the sampler of a trial, of the study's seed, its number and what is fixed;
            by default tuner's own.
    """

    def __init__(
        self,
        mirror: Mirror,
        config: StudyConfig,
        engine: Engine,
        observer: Observer | None = None,
        sampler: Callable[[int, int, Mapping[str, Any]], BaseSampler] | None = None,
    ) -> None:
        self.mirror, self.study = mirror, mirror.study
        self.config, self.engine, self.observer = config, engine, observer
        self.sampler = sampler or Samplers()
        self.running: dict[int, RunningTrial] = {}
        self.queue: list[tuple[float, int]] = []  # a heap of their clocks and numbers
        self.ahead: deque[RunningTrial] = deque()  # asked for, and in virtual time not yet begun
        self.most_ahead = most_ahead(engine.slots) if config.order == "work" else 0
        trials = self.study.get_trials(deepcopy=False)
        ends = (trial.user_attrs.get("ended", 0.0) for trial in trials if trial.state.is_finished())
        self.now = max(ends, default=0.0)
        # Points that an interrupted run has reported already. What was decided on all but the last
        # of them is known, because the trials went on: only the last may still want a decision,
        # and not even that one, where another trial has ended since.
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        self.to_replay = sum(len(trial.intermediate_values) for trial in waiting)
        self.all_decided = any(
            sum(trial.user_attrs.get("alongside", {}).get(str(one.number), 0) for one in waiting)
            == self.to_replay
            for trial in trials
            if trial.state.is_finished()
        )

    def search(
        self,
        total: int,
        deadline: float | None = None,
        enough: Callable[[optuna.Study], str | None] | None = None,
    ) -> None:
        """Search until the study has `total` finished trials, or the deadline is over, or enough.

        Args:
            deadline: a value of time.monotonic().
            enough: says why the search has done enough, or None. That is decided once, and kept as
                the study's attribute `stopped`; what runs then is let end.

        Raises:
            StudyError: the baseline has failed three times.
            KeyboardInterrupt: Ctrl-C; running trials stay RUNNING, for `settle` to queue again.
        """
        self._check_baseline()
        by_work = self.config.order == "work"
        try:
            while True:
                self._fill(total, enough)
                if not self.running:
                    return
                took = self._take_by_work() if by_work else self._take_what_is_there()
                if not took:
                    self.mirror.flush()
                    self._tell_observer()
                if deadline is not None and time.monotonic() > deadline:
                    return
        finally:
            for number in (*self.running, *(trial.number for trial in self.ahead)):
                self.engine.stop(number)
            self.running.clear()
            self.queue.clear()
            self.ahead.clear()
            self.mirror.flush()

    def _fill(self, total: int, enough: Callable[[optuna.Study], str | None] | None) -> None:
        """Begin trials while a slot is free; ask for them while the total is not reached."""
        while True:
            while self.ahead and len(self.running) < self.engine.slots:
                self._begin(self.ahead.popleft())
            under_way = len(self.running) + len(self.ahead)
            if under_way == self.engine.slots + self.most_ahead:
                return
            done = finished(self.study)
            if done + under_way >= total:
                return
            if not self._is_waiting():
                stopped = self.study.user_attrs.get(STOPPED)
                if stopped is None and enough and (reason := enough(self.study)):
                    stopped = {"reason": reason, "trials": done}
                    self.study.set_user_attr(STOPPED, stopped)
                if stopped is not None:
                    return
            self._start(self._ask())

    def _is_waiting(self) -> bool:
        return any(t.state == TrialState.WAITING for t in self.study.get_trials(deepcopy=False))

    def _ask(self) -> optuna.Trial:
        trials = self.study.get_trials(deepcopy=False)
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        number = waiting[0].number if waiting else len(trials)
        self.study.sampler = self.sampler(self.config.seed, number, self.config.fixed)
        return self.study.ask()

    def _start(self, trial: optuna.Trial) -> None:
        config = self.config
        try:
            hyperparameters = asdict(config.case.suggest(trial))
        except Exception as error:
            raise CaseError(
                f"case {config.case.name!r}: suggest fails: {config.case.blame(error)}"
            ) from error
        seed = derive(config.seed, "trial", trial.number)
        trial.set_user_attr("hyperparameters", hyperparameters)
        trial.set_user_attr("seed", seed)
        self.ahead.append(
            RunningTrial(
                trial=trial,
                history=History(config.case, hyperparameters["epochs"]),
                prunable="arm" not in trial.user_attrs,
            )
        )
        self.mirror.write_new()
        self.engine.start(trial.number, search_job(config, hyperparameters, seed))

    def _begin(self, trial: RunningTrial) -> None:
        """Have a trial begin in virtual time; an interrupted one began when it did."""
        trial.begin(trial.trial.user_attrs.get("begun", self.now))
        self.running[trial.number] = trial
        heapq.heappush(self.queue, (trial.clock, trial.number))

    def _take_by_work(self) -> bool:
        """Take the next event of the trial that is furthest behind in virtual time, if it came."""
        _, number = self.queue[0]
        event = self.engine.next(number, SECONDS_BETWEEN_LOOKS)
        if event is None:
            return False
        trial = self.running[number]
        heapq.heappop(self.queue)
        self._take(trial, event)
        if number in self.running:
            heapq.heappush(self.queue, (trial.clock, number))
        return True

    def _take_what_is_there(self) -> bool:
        """Take the next event of every trial that has one."""
        took, wait = False, SECONDS_BETWEEN_LOOKS / len(self.running) / 5
        for trial in tuple(self.running.values()):
            event = self.engine.next(trial.number, wait)
            if event is not None:
                self._take(trial, event)
                took = True
        return took

    def _take(self, running: RunningTrial, event: Event) -> None:
        if isinstance(event, Finished):
            best = running.history.best()
            running.trial.set_user_attr("best_epoch", best.epoch)
            running.trial.set_user_attr("fold_scores", best.folds)
            self._end(running, TrialState.COMPLETE, best.mean)
        elif isinstance(event, Failed):
            running.trial.set_user_attr("failure", event.reason)
            running.trial.set_user_attr("diverged", event.diverged)
            self._end(running, TrialState.FAIL)
            self._check_baseline()
        else:
            reported = running.report(event)
            replaying = reported and running.replaying
            self.to_replay -= replaying
            last = self.to_replay == 0 and not self.all_decided
            undecided = reported and (not replaying or last)
            if undecided and running.should_prune():
                self.engine.stop(running.number)
                self._end(running, TrialState.PRUNED)
            else:
                self._tell_observer()

    def _end(self, running: RunningTrial, state: TrialState, value: float | None = None) -> None:
        trial = running.trial
        self.now = max(self.now, running.clock)  # so that it can be known after an interrupt
        trial.set_user_attr("curve", running.history.curve())
        trial.set_user_attr("seconds", time.perf_counter() - running.started)
        trial.set_user_attr("work", running.clock - running.begun)
        trial.set_user_attr("ended", self.now)
        del self.running[running.number]
        if self.running:
            alongside = {
                str(other.number): len(other.history.stages) for other in self.running.values()
            }
            trial.set_user_attr("alongside", alongside)
        ended = self.study.tell(trial, value, state)
        self._tell_observer(ended)

    def _tell_observer(self, ended: FrozenTrial | None = None) -> None:
        if self.observer is not None:
            self.observer.update(list(self.running.values()), ended)

    def _check_baseline(self) -> None:
        """Queue the baseline again after it failed; without it there is nothing to compare with."""
        attempts = [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if trial.user_attrs.get("arm") == "baseline"
        ]
        if any(trial.state != TrialState.FAIL for trial in attempts):
            return
        if len(attempts) >= BASELINE_ATTEMPTS:
            raise StudyError(
                f"the baseline failed {len(attempts)} times, last with: "
                f"{attempts[-1].user_attrs['failure']}. Mend the case, and start a new study "
                "with --name"
            )
        enqueue_arm(self.study, self.config.case, "baseline")
