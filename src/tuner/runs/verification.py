"""One run of the verify command: chooses trials, trains them again, and compares."""

from __future__ import annotations

import math
import random
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from optuna.trial import TrialState

from tuner.engines.choosing import choose_backend
from tuner.engines.job import Failed, Finished, run_all
from tuner.errors import StudyError, UsageError
from tuner.evidence.trials.audit import score_of
from tuner.evidence.trials.call_repetition import first_difference_of_call
from tuner.evidence.trials.repetition import (
    ALTERED,
    changed_since,
    difference_before_training,
    first_difference,
    missing_trials,
    other_machine,
    unreadable,
)
from tuner.runs.loops import LoopMachine
from tuner.runs.observer import StoppableEngine, StopRequested, telling
from tuner.search.jobs import search_job
from tuner.search.loops import search_call
from tuner.study.identity import changes_of_rules, changes_of_source
from tuner.study.loop_reopening import is_of_loop, loop_config_of
from tuner.study.reopening import config_of
from tuner.study.rules import rules_of_loops
from tuner.study.schema import ARM, AUDIT, CURVE, HYPERPARAMETERS, SEED, SESSIONS
from tuner.study.store import facts_of, load_study
from tuner.study.trials import finished_trials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import AnyEngine, Engine, Job, LoopJob, LoopRunner
    from tuner.own.loops.events import Question, Told
    from tuner.runs.observer import Observer
    from tuner.runs.settings import VerificationSettings
    from tuner.training.fitting import ReportPoint

JobT = TypeVar("JobT")
EventT = TypeVar("EventT")


class Check(Protocol[JobT, EventT]):
    """How trials of a study are repeated and compared."""

    def changed(self) -> list[str]:
        """Return what has changed since the study was made."""

    def difference_before(self, trial: FrozenTrial) -> str | None:
        """Return where a trial differs before its training; None if it has to be trained."""

    def job(self, trial: FrozenTrial) -> JobT:
        """Return the job that repeats a trial."""

    def engine(self, at_most: int) -> AnyEngine[JobT, EventT]:
        """Make an engine for the jobs, with at most `at_most` slots."""

    def difference(
        self, trial: FrozenTrial, event: Finished | Failed, points: Sequence[EventT]
    ) -> str | None:
        """Return where a repeated trial differs; None if it does not."""


def run_verification(settings: VerificationSettings, observer: Observer) -> bool | None:
    """Train trials again and compare; return whether all are the same, or None if stopped.

    Raises:
        UsageError: there is no such trial, or it has not finished.
        StudyError: no trial has finished yet.
        TunerError: as the parts raise it.
    """
    stored = settings.stored
    study = load_study(stored.workplace.url, stored.study)
    chosen = _choose(study, settings.trial, settings.sample)
    say = telling(observer)
    check: Check[Any, Any] = (
        _CallsAgain(study, settings) if is_of_loop(study) else _FitsAgain(study, settings)
    )
    for difference in check.changed():
        say(f"Different from then: {difference}.")
    for difference in other_machine(study.user_attrs.get(SESSIONS, [])):
        say(f"Not the study's machine: {difference}.")
    trials = {trial.number: trial for trial in chosen}
    jobs, differing = _jobs(check, trials, say)

    def on_end(number: int, event: Finished | Failed, points: Sequence[Any]) -> None:
        difference = check.difference(trials[number], event, points)
        if difference is not None:
            differing.append(number)
        outcome = f"differs in {difference}" if difference else f"the same, {len(points)} points"
        taken = f" ({event.seconds:.1f} s)" if isinstance(event, Finished) else ""
        say(f"Trial {number} ({trials[number].state.name}): {outcome}{taken}")

    everything = settings.sample is None and settings.trial is None
    missing = missing_trials(study) if everything else []
    if everything and (others := not_trained_here(study)):
        say(f"Not trained by tuner, so not compared: {', '.join(map(str, others))}.")
    for message in missing:
        say(message)
    try:
        made = check.engine(max(len(jobs), 1))
        with closing(StoppableEngine[Any, Any](made, observer)) as engine:
            run_all(engine, jobs, on_end)
    except (KeyboardInterrupt, StopRequested):
        return None
    say(
        f"{len(trials) - len(differing)} of {len(trials)} trials of study {stored.study!r} are "
        "the same, bit for bit."
    )
    return not (differing or missing)


def _jobs(
    check: Check[JobT, Any], trials: Mapping[int, FrozenTrial], say: Callable[[str], None]
) -> tuple[dict[int, JobT], list[int]]:
    """Return the jobs of these trials by number, and the trials that differ without training."""
    jobs: dict[int, JobT] = {}
    differing: list[int] = []
    for number, trial in trials.items():
        try:
            untrained = check.difference_before(trial)
            if untrained is None:
                jobs[number] = check.job(trial)
        except ALTERED as error:
            untrained = unreadable(error)
        if untrained is not None:
            differing.append(number)
            say(f"Trial {number} ({trial.state.name}): differs in {untrained}")
    return jobs, differing


def _choose(study: optuna.Study, number: int | None, sample: int | None) -> list[FrozenTrial]:
    trials = finished_trials(study)
    if not trials:
        raise StudyError(
            f"study {study.study_name!r} has no finished trial yet; continue the study"
        )
    if number is not None:
        named = [trial for trial in trials if trial.number == number]
        if named and not is_trained_here(named[0]):
            raise UsageError(
                f"trial {number} of study {study.study_name!r} was not trained by tuner, so there "
                "is nothing to compare; name another"
            )
        if not named:
            raise UsageError(
                f"study {study.study_name!r} has no finished trial {number}; its last finished "
                f"one is {trials[-1].number}"
            )
        return named
    trials = [trial for trial in trials if is_trained_here(trial)]
    if sample is None or sample >= len(trials):
        return trials
    return sorted(random.sample(trials, sample), key=lambda trial: trial.number)


def is_trained_here(trial: FrozenTrial) -> bool:
    """Whether tuner has trained a trial; others were added by somebody, or not trained at all."""
    return bool({SEED, HYPERPARAMETERS} & trial.user_attrs.keys())


def not_trained_here(study: optuna.Study) -> list[int]:
    """Return the numbers of finished trials that were not trained by tuner."""
    return [trial.number for trial in finished_trials(study) if not is_trained_here(trial)]


class _FitsAgain:
    """Trains trials of a case again."""

    def __init__(self, study: optuna.Study, settings: VerificationSettings) -> None:
        stored = settings.stored
        self.study, self.settings = study, settings
        self.config = config_of(
            study, stored.workplace, stored.case_file, stored.data_dir, changed=True
        )
        audited = (study.user_attrs.get(AUDIT) or {}).get("trials", [])
        self.audited = {one["trial"]: one for one in audited}

    def changed(self) -> list[str]:
        """Return what has changed since the study was made."""
        stored = self.settings.stored
        return changed_since(self.study, self.config, stored.data_dir, stored.workplace.data)

    def difference_before(self, trial: FrozenTrial) -> str | None:
        """Return where a trial differs before its training."""
        return difference_before_training(self.config, trial)

    def job(self, trial: FrozenTrial) -> Job:
        """Return the job of the trial, up to the end of the epoch in which it was pruned.

        A pruned trial that was trained to its end after the search is repeated to its end.
        """
        stored = trial.user_attrs
        hyperparameters, seed = stored[HYPERPARAMETERS], stored[SEED]
        job = search_job(self.config, hyperparameters, seed, arm=ARM in stored)
        if trial.state != TrialState.PRUNED or trial.number in self.audited:
            return job
        return replace(job, stop_after=math.ceil(stored[CURVE][-1][1]))

    def engine(self, at_most: int) -> Engine:
        """Make an engine for the trainings."""
        return choose_backend(self.settings.compute).engine(self.config.plan, at_most=at_most)

    def difference(
        self, trial: FrozenTrial, event: Finished | Failed, points: Sequence[ReportPoint]
    ) -> str | None:
        """Return where the trial that was trained again differs."""
        differs = first_difference(self.config, trial, event, points)
        if differs or trial.number not in self.audited:
            return differs
        there = self.audited[trial.number]["score"]
        here = score_of(self.config, trial, points) if isinstance(event, Finished) else None
        return None if there == here else f"score at its end: {there} stored, {here} now"


class _CallsAgain:
    """Calls trials of a loop again."""

    def __init__(self, study: optuna.Study, settings: VerificationSettings) -> None:
        self.study, self.settings = study, settings
        self.config = loop_config_of(study, settings.stored.case_file, changed=True)

    def changed(self) -> list[str]:
        """Return what has changed since the study was made."""
        facts = facts_of(self.study)
        changed = [
            *changes_of_source(facts["source"], self.config.source),
            *changes_of_rules(facts, rules_of_loops()),
        ]
        return [change.said for change in changed]

    def difference_before(self, trial: FrozenTrial) -> str | None:
        """Return None: nothing is known before the call."""
        del trial
        return None

    def job(self, trial: FrozenTrial) -> LoopJob:
        """Return the call of the trial."""
        stored = trial.user_attrs
        return search_call(self.config, trial.number, stored[SEED], stored[HYPERPARAMETERS])

    def engine(self, at_most: int) -> LoopRunner:
        """Make an engine for the calls."""
        return LoopMachine.of(self.settings.compute).engine(at_most)

    def difference(
        self, trial: FrozenTrial, event: Finished | Failed, points: Sequence[Question | Told]
    ) -> str | None:
        """Return where the trial that was called again differs."""
        return first_difference_of_call(self.config, trial, event, points)
