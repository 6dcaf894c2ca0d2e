"""The search: ask, hand to the engine, take points in the order of virtual time, prune, tell.

Virtual time is the work that a fit has done, counted from its shapes (see work.py). The next point
is always that of the running trial that is furthest behind in it, so decisions do not depend on
which worker happened to be faster: with any number of workers, a study is a function of its inputs.
`--order arrival` gives that up: points are taken as they come.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from optuna.trial import TrialState

from tuner.engines.job import Failed, Finished, Job, Replica
from tuner.errors import CaseError, StudyError
from tuner.search.lineup import Lineup, most_ahead
from tuner.search.replay import ALONGSIDE, Replay, stages_alongside
from tuner.search.running import RunningTrial
from tuner.search.sampler import Samplers
from tuner.search.scoring import History
from tuner.seeds import derive
from tuner.study.opening import enqueue_arm, only_failures
from tuner.study.schema import STOPPED
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Engine, Event
    from tuner.search.mirror import Mirror
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint

BASELINE_ATTEMPTS = 3
SECONDS_BETWEEN_LOOKS = 0.5


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
        metric=config.metric,
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
        self.by_work = config.order == "work"
        self.lineup = Lineup(engine.slots, most_ahead(engine.slots) if self.by_work else 0)
        trials = self.study.get_trials(deepcopy=False)
        self.replay = Replay(trials)
        ends = (trial.user_attrs.get("ended", 0.0) for trial in trials if trial.state.is_finished())
        self.now = max(ends, default=0.0)  # virtual time

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
            StudyError: the baseline has failed three times, or in a way that comes back each time.
            KeyboardInterrupt: Ctrl-C; running trials stay RUNNING, for `settle` to queue again.
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
                self.engine.stop(trial.number)
            self.lineup.clear()
            self.mirror.flush()

    def _fill(self, total: int, enough: Callable[[optuna.Study], str | None] | None) -> None:
        """Let trials begin, and ask for more, until there are enough of them."""
        while True:
            self.lineup.begin(self.now)
            if self.lineup.is_full or not self._wants_another(total, enough):
                return
            self._start(self._ask())

    def _wants_another(
        self, total: int, enough: Callable[[optuna.Study], str | None] | None
    ) -> bool:
        """Whether one more trial is wanted: up to the total, what is queued always is."""
        done = finished(self.study)
        if done + len(self.lineup) >= total:
            return False
        if self._is_waiting():
            return True
        stopped = self.study.user_attrs.get(STOPPED)
        if stopped is None and enough and (reason := enough(self.study)):
            stopped = {"reason": reason, "trials": done}
            self.study.set_user_attr(STOPPED, stopped)
        return stopped is None

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
        self.lineup.add(
            RunningTrial(
                trial=trial,
                history=History(config.case, hyperparameters["epochs"]),
                prunable="arm" not in trial.user_attrs,
            )
        )
        self.mirror.write_new()
        self.engine.start(trial.number, search_job(config, hyperparameters, seed))

    def _take_by_work(self) -> bool:
        """Take the next event of the trial that is furthest behind in virtual time, if it came."""
        trial = self.lineup.furthest_behind()
        event = self.engine.next(trial.number, SECONDS_BETWEEN_LOOKS)
        if event is None:
            return False
        self._take(trial, event)
        return True

    def _take_what_is_there(self) -> bool:
        """Take the next event of every trial that has one."""
        running = tuple(self.lineup.running.values())
        took, wait = False, SECONDS_BETWEEN_LOOKS / len(running) / 5
        for trial in running:
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
            if event.traceback:
                running.trial.set_user_attr("traceback", event.traceback)
            self._end(running, TrialState.FAIL)
            self._check_baseline(event)
        elif self._gives_up(running, event):
            self.engine.stop(running.number)
            self._end(running, TrialState.PRUNED)
        else:
            self._tell_observer()

    def _gives_up(self, running: RunningTrial, point: ReportPoint) -> bool:
        """Report a point; ask the pruner about it, where nobody has decided on it yet."""
        return (
            running.report(point)
            and self.replay.needs_decision(repeated=running.replaying)
            and running.should_prune()
        )

    def _end(self, running: RunningTrial, state: TrialState, value: float | None = None) -> None:
        trial = running.trial
        self.now = max(self.now, running.clock)  # so that it can be known after an interrupt
        trial.set_user_attr("curve", running.history.curve())
        trial.set_user_attr("seconds", time.perf_counter() - running.started)
        trial.set_user_attr("work", running.clock - running.begun)
        trial.set_user_attr("ended", self.now)
        self.lineup.remove(running)
        if others := self.lineup.running:
            reached = {number: len(other.history.stages) for number, other in others.items()}
            trial.set_user_attr(ALONGSIDE, stages_alongside(reached))
        ended = self.study.tell(trial, value, state)
        self._tell_observer(ended)

    def _tell_observer(self, ended: FrozenTrial | None = None) -> None:
        if self.observer is not None:
            self.observer.update(list(self.lineup.running.values()), ended)

    def _check_baseline(self, failed: Failed | None = None) -> None:
        """Queue the baseline again after it failed; without it there is nothing to compare with.

        Args:
            failed: how the last trial ended that did. An error that comes back each time is not
                tried again.
        """
        attempts = [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if trial.user_attrs.get("arm") == "baseline"
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
            raise StudyError(
                f"the baseline failed{times}: {attempts[-1].user_attrs['failure']}. "
                f"Fix the case, and {again}"
            )
        enqueue_arm(self.study, self.config.case, "baseline")
