"""The search of a user's own loop: its questions are answered in virtual time.

A loop's hyperparameters are known only while it runs, so each question is an event of its trial,
like a report. Events are taken from the trial with the fewest reports. So draws and prunings do not
depend on which call happened to be faster.
"""

from __future__ import annotations

import warnings
from copy import copy
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.trial import TrialState

from tuner.engines.job import Failed, Finished, LoopJob
from tuner.errors import UsageError, first_line
from tuner.own.loops.events import Noted, Reported, ShouldPrune, Suggest
from tuner.own.loops.setting import check_value, unread_names
from tuner.search.loop_answers import Answers
from tuner.search.loop_running import RunningLoop
from tuner.search.loop_samplers import LoopSampler, MiddleSampler
from tuner.search.tpe import STARTUP, Columns
from tuner.search.virtual_time import VirtualTimeSearch
from tuner.seeds import Stream, derive
from tuner.study.opening import enqueue_arm
from tuner.study.schema import (
    AGAIN,
    ANSWERED,
    ARM,
    CONSTRAINTS,
    GUESS,
    INFORMED,
    LOST,
    OWN,
    PLACE,
    SHARED_FILES,
    TRIED,
)
from tuner.study.store import facts_of
from tuner.study.trials import SCORED, finished, guesses_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.engines.loops import LoopEngine
    from tuner.search.mirror import Mirror
    from tuner.search.virtual_time import Observer
    from tuner.study.loops import LoopConfig

NAMED = frozenset({ARM, GUESS, TRIED})  # attributes of trials with values that were set beforehand
PRUNER = "MedianPruner(n_startup_trials=5)"


class LoopCoordinator(VirtualTimeSearch[RunningLoop]):
    """Runs the search of one study of a loop. The only writer of the database."""

    what = "that"

    def __init__(
        self,
        mirror: Mirror,
        config: LoopConfig,
        engine: LoopEngine,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(mirror, engine, config.order, observer)
        self.config, self.engine = config, engine
        self._columns = Columns()

    def _start(self) -> RunningLoop:
        waiting = self._waiting()
        number = waiting.number if waiting else len(self.study.get_trials(deepcopy=False))
        facts = waiting.user_attrs if waiting else {}
        informed = facts.get(INFORMED, finished(self.study))
        named = self._named(facts)
        sampler = self._sampler(number, informed, facts)
        self.study.sampler = sampler
        running = RunningLoop(
            trial=self.study.ask(),
            sampler=sampler,
            prunable=not {ARM, GUESS} & facts.keys(),
            replayed=frozenset(waiting.intermediate_values if waiting else ()),
            named=named,
            answers=Answers.kept_of(number, self.study.get_trials(deepcopy=False)),
        )
        seed = derive(self.config.seed, Stream.TRIAL, number)
        running.trial.set_user_attr(INFORMED, informed)
        running.trial.set_user_attr("seed", seed)
        self.mirror.write_new()
        self.engine.start(number, search_call(self.config, number, seed))
        return running

    def _named(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values that a person has set for a trial, from what the study stores."""
        if TRIED in facts:
            named: Mapping[str, Any] = facts[TRIED]
            return named
        if GUESS in facts:
            guess = facts_of(self.study)["guesses"][facts[GUESS]]
            known = {**self.config.baseline, **self.config.fixed}
            return {name: one for name, one in guess.items() if known.get(name) != one}
        return self.config.arms[facts["arm"]] if "arm" in facts else self.config.fixed

    def _sampler(self, number: int, informed: int, facts: Mapping[str, Any]) -> BaseSampler:
        if {ARM, TRIED} & facts.keys():
            return MiddleSampler()
        if GUESS in facts:
            return self._with_fixed(MiddleSampler())
        trials = self.study.get_trials(deepcopy=False, states=SCORED)
        told = [one.user_attrs for one in trials if GUESS in one.user_attrs]
        startup = STARTUP + sum(one.get(PLACE, 0) < informed for one in told)
        place = number - guesses_before(self.study, number)
        seed = derive(self.config.seed, Stream.SAMPLER, place)
        return self._with_fixed(LoopSampler(seed, self._columns, informed, startup))

    def _with_fixed(self, sampler: BaseSampler) -> BaseSampler:
        if not self.config.fixed:
            return sampler
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # it is experimental
            return PartialFixedSampler(dict(self.config.fixed), sampler)

    def _take(self, running: RunningLoop, timeout: float) -> bool:
        event = self.engine.next(running.number, timeout)
        if event is None:
            return False
        if isinstance(event, Suggest):
            self._answer(running, event)
        elif isinstance(event, ShouldPrune):
            self.engine.answer(running.number, self._should_prune(running))
        elif isinstance(event, Reported):
            self._report(running, event)
        elif isinstance(event, Noted):
            self._note(running, event)
        else:
            self._ended(running, event)
        return True

    def _answer(self, running: RunningLoop, asked: Suggest) -> None:
        if asked.name in self.config.fixed:
            check_value(asked, self.config.fixed[asked.name], "--fix ")
        try:
            if asked.name in running.named:
                check_value(asked, running.named[asked.name])
            drawn = self._drawn(running, asked)
        except UsageError as error:
            self._refuse(running, str(error))
        except ValueError as error:  # Optuna's: in a study a name has one kind, or one list
            self._refuse(
                running,
                f"{asked.name!r} is asked for with other choices, or as another kind of number, "
                f"than in an earlier trial ({first_line(error).rstrip('.')}); give each its own "
                "name",
            )
        else:
            self.engine.answer(running.number, drawn)

    def _unread(self, running: RunningLoop) -> str | None:
        """Return which of a person's names the loop has not asked for, if any."""
        facts, params = running.trial.user_attrs, running.trial.params
        if not NAMED & facts.keys():
            return None  # other trials may ask for names of --fix
        return unread_names(self._named(facts).keys(), params.keys())

    def _refuse(self, running: RunningLoop, reason: str) -> None:
        self.engine.stop(running.number)
        self._ended(running, Failed(reason))

    def _drawn(self, running: RunningLoop, asked: Suggest) -> Any:
        self.study.sampler = running.sampler
        trial, name, one = running.trial, asked.name, asked.distribution
        if isinstance(one, FloatDistribution):
            return trial.suggest_float(name, one.low, one.high, step=one.step, log=one.log)
        if isinstance(one, IntDistribution):
            return trial.suggest_int(name, one.low, one.high, step=one.step, log=one.log)
        if isinstance(one, CategoricalDistribution):
            return trial.suggest_categorical(name, one.choices)
        raise TypeError(f"not a distribution of Optuna: {one!r}")

    def _report(self, running: RunningLoop, report: Reported) -> None:
        repeated = report.step in running.replayed
        running.answers.asked = len(running.history.points)  # or it has continued without asking
        running.history.take(report)
        running.clock += 1
        if not repeated:
            running.trial.report(report.value, report.step)
        running.undecided = self.replay.needs_decision(repeated=repeated)
        if running.answers.before is not None:
            running.undecided = len(running.history.points) > running.answers.before
        self._tell_observer()

    def _should_prune(self, running: RunningLoop) -> bool:
        answers = running.answers
        answers.asked = len(running.history.points)
        if running.prunable and running.undecided and self._is_to_end(running):
            answers.ends.add(answers.asked)
        return answers.asked in answers.ends

    def _is_to_end(self, running: RunningLoop) -> bool:
        """Ask the pruner, but not about reports that are still to be repeated."""
        trial = copy(self.study.get_trials(deepcopy=False)[running.number])
        stages, reported = running.history.stages, trial.intermediate_values
        trial.intermediate_values = {n: one for n, one in reported.items() if n in stages}
        return self.study.pruner.prune(self.study, trial)

    def _note(self, running: RunningLoop, noted: Noted) -> None:
        if noted.is_constraint:
            running.trial.set_constraint(noted.key, noted.value)
            before = running.trial.user_attrs.get(CONSTRAINTS, {})
            running.trial.set_user_attr(CONSTRAINTS, {**before, noted.key: noted.value})
        else:
            key = f"{noted.key} (of the loop)" if noted.key in OWN else noted.key
            running.trial.set_user_attr(key, noted.value)

    def _ended(self, running: RunningLoop, event: Finished | Failed) -> None:
        running.clock += 1
        beside = [one for one in self.lineup.running.values() if one is not running]
        if beside:
            told = {str(one.number): one.answers.as_kept() for one in beside}
            running.trial.set_user_attr(ANSWERED, told)
        for name, value in running.history.others.items():
            self._note(running, Noted(name, value))
        running.trial.set_user_attr("hyperparameters", running.trial.params)
        running.trial.set_user_attr(PLACE, finished(self.study))
        if isinstance(event, Failed):
            again = event.may_pass and not {ARM, AGAIN} & running.trial.user_attrs.keys()
            if again:
                running.trial.set_user_attr(LOST, True)
            self._fail(running, event)
            if again:
                self.study.enqueue_trial(running.trial.params, user_attrs={AGAIN: running.number})
            return
        if event.outcome is None and ARM in running.trial.user_attrs:
            arm = running.trial.user_attrs[ARM]
            reason = f"the loop raised TrialPruned, and tuner never prunes the {arm}"
            self._fail(running, Failed(f"{reason}; have it return its score"))
            return
        if event.outcome is None:
            self._end(running, TrialState.PRUNED)
            return
        if unread := self._unread(running):
            self._fail(running, Failed(unread))
            return
        if event.outcome.shared_files:
            running.trial.set_user_attr(SHARED_FILES, list(event.outcome.shared_files))
        running.trial.set_user_attr("best_epoch", len(running.history.points))
        running.trial.set_user_attr("fold_scores", [event.outcome.value])
        self._end(running, TrialState.COMPLETE, event.outcome.value)

    def _enqueue_baseline(self) -> None:
        enqueue_arm(self.study, "baseline", self.config.baseline)


def search_call(
    config: LoopConfig, number: int, seed: int, preset: Mapping[str, Any] | None = None
) -> LoopJob:
    """Return the job of a trial: a call of the loop."""
    return LoopJob(
        loop=config.reference,
        number=number,
        seed=seed,
        direction=config.direction,
        preset=preset,
        source=config.source.digest,
        plan=config.plan,
    )
