"""One run of the verify command: choose trials, train them again, say which are the same."""

from __future__ import annotations

import math
import random
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from tuner.engines.choosing import choose_backend
from tuner.engines.job import Failed, Finished, run_all
from tuner.errors import StudyError, UsageError
from tuner.evidence.repetition import (
    ALTERED,
    changed_since,
    difference_before_training,
    first_difference,
    missing_trials,
    other_machine,
    unreadable,
)
from tuner.runs.observer import Message, StoppableEngine, StopRequested
from tuner.search.coordinator import search_job
from tuner.study.reopening import config_of
from tuner.study.schema import HYPERPARAMETERS, SEED, SESSIONS
from tuner.study.store import load_study
from tuner.study.trials import finished_trials

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import Job
    from tuner.runs.observer import Observer
    from tuner.runs.settings import VerificationSettings
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


def run_verification(settings: VerificationSettings, observer: Observer) -> bool | None:
    """Train trials again and compare; return whether all are the same, or None where stopped.

    Raises:
        UsageError: no such trial, or it has not finished.
        StudyError: no trial has finished yet.
        TunerError: as the parts raise it.
    """
    stored = settings.stored
    study = load_study(stored.workplace.url, stored.study)
    chosen = _choose(study, settings.trial, settings.sample)
    config = config_of(study, stored.workplace, stored.case_file, stored.data_dir, changed=True)

    def say(text: str) -> None:
        observer.tell(Message(text))

    for difference in changed_since(study, config, stored.data_dir, stored.workplace.data):
        say(f"Not as it was: {difference}.")
    for difference in other_machine(study.user_attrs.get(SESSIONS, [])):
        say(f"Not the study's machine: {difference}.")
    trials = {trial.number: trial for trial in chosen}
    differing: list[int] = []

    def on_end(number: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
        difference = first_difference(config, trials[number], event, points)
        if difference is not None:
            differing.append(number)
        outcome = f"differs in {difference}" if difference else f"the same, {len(points)} points"
        taken = f" ({event.seconds:.1f} s)" if isinstance(event, Finished) else ""
        say(f"Trial {number} ({trials[number].state.name}): {outcome}{taken}")

    jobs: dict[int, Job] = {}
    for number, trial in trials.items():
        try:
            untrained = difference_before_training(config, trial)
            if untrained is None:
                jobs[number] = _job(config, trial)
        except ALTERED as error:
            untrained = unreadable(error)
        if untrained is not None:
            differing.append(number)
            say(f"Trial {number} ({trial.state.name}): differs in {untrained}")
    everything = settings.sample is None and settings.trial is None
    missing = missing_trials(study) if everything else []
    if everything and (others := not_trained_here(study)):
        say(f"Not trained by tuner, so not compared: {', '.join(map(str, others))}.")
    for message in missing:
        say(message)
    try:
        backend, at_most = choose_backend(settings.compute), max(len(jobs), 1)
        made = backend.engine(config.plan, at_most=at_most)
        with closing(StoppableEngine(made, observer)) as engine:
            run_all(engine, jobs, on_end)
    except (KeyboardInterrupt, StopRequested):
        return None
    say(
        f"{len(trials) - len(differing)} of {len(trials)} trials of study {stored.study!r} are "
        "the same, bit for bit."
    )
    return not (differing or missing)


def _choose(study: optuna.Study, number: int | None, sample: int | None) -> list[FrozenTrial]:
    trials = finished_trials(study)
    if not trials:
        raise StudyError(f"study {study.study_name!r} has no finished trial yet; go on with it")
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
    """Whether tuner has trained a trial, rather than somebody added it, or it was refused."""
    return bool({SEED, HYPERPARAMETERS} & trial.user_attrs.keys())


def not_trained_here(study: optuna.Study) -> list[int]:
    """Return the numbers of finished trials that were not trained by tuner."""
    return [trial.number for trial in finished_trials(study) if not is_trained_here(trial)]


def _job(config: StudyConfig, trial: FrozenTrial) -> Job:
    """Return the job the trial was, up to the end of the epoch in which it was pruned."""
    stored = trial.user_attrs
    job = search_job(config, stored["hyperparameters"], stored["seed"])
    if trial.state != TrialState.PRUNED:
        return job
    return replace(job, stop_after=math.ceil(stored["curve"][-1][1]))
