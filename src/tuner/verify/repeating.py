"""One run of the verify command: choose trials, train them again, say which are the same."""

from __future__ import annotations

import math
import random
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
from optuna.trial import TrialState
from rich.console import Console

from tuner.cli import INTERRUPTED
from tuner.engines.choosing import choose_place
from tuner.errors import StudyError, UsageError
from tuner.fits import Failed, Finished, run_all
from tuner.study.attributes import SESSIONS
from tuner.study.coordinator import search_job
from tuner.study.reopening import brief_of
from tuner.study.store import load_study
from tuner.verify.comparing import (
    ALTERED,
    difference_before_training,
    first_difference,
    missing_trials,
    other_machine,
    unreadable,
)

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from tuner.fits import Job
    from tuner.study.opening import Brief
    from tuner.training import ReportPoint

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def run_verification(arguments: Namespace, sample: int | None) -> int:
    """Do what `python -m tuner.verify` was asked to; return the exit status.

    Args:
        sample: how many trials to draw; None: all. Where one trial is named, that one is taken.

    Raises:
        UsageError: no such trial, or it has not finished.
        StudyError: no trial has finished yet.
        TunerError: as the parts raise it.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    study = load_study(arguments.storage, arguments.study)
    chosen = _choose(study, arguments.trial, sample)
    brief = brief_of(study, arguments.case, arguments.data_dir)
    for difference in other_machine(study.user_attrs.get(SESSIONS, [])):
        console.print(f"Not the study's machine: {difference}.")
    trials = {trial.number: trial for trial in chosen}
    differing: list[int] = []

    def on_end(number: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
        difference = first_difference(brief, trials[number], event, points)
        if difference is not None:
            differing.append(number)
        outcome = f"differs in {difference}" if difference else f"the same, {len(points)} points"
        taken = f" ({event.seconds:.1f} s)" if isinstance(event, Finished) else ""
        console.print(f"Trial {number} ({trials[number].state.name}): {outcome}{taken}")

    jobs: dict[int, Job] = {}
    for number, trial in trials.items():
        try:
            untrained = difference_before_training(brief, trial)
            if untrained is None:
                jobs[number] = _job(brief, trial)
        except ALTERED as error:
            untrained = unreadable(error)
        if untrained is not None:
            differing.append(number)
            console.print(f"Trial {number} ({trial.state.name}): differs in {untrained}")
    missing = missing_trials(study) if sample is None and arguments.trial is None else []
    for message in missing:
        console.print(message)
    try:
        at_most = max(len(jobs), 1)
        with closing(choose_place(arguments).engine(brief.plan, at_most=at_most)) as engine:
            run_all(engine, jobs, on_end)
    except KeyboardInterrupt:
        console.print("\nStopped before all were compared.")
        return INTERRUPTED
    console.print(
        f"{len(trials) - len(differing)} of {len(trials)} trials of study {arguments.study!r} are "
        "the same, bit for bit."
    )
    return 1 if differing or missing else 0


def _choose(study: optuna.Study, number: int | None, sample: int | None) -> list[FrozenTrial]:
    trials = study.get_trials(deepcopy=False, states=FINISHED)
    if not trials:
        raise StudyError(f"study {study.study_name!r} has no finished trial yet; go on with it")
    if number is not None:
        named = [trial for trial in trials if trial.number == number]
        if not named:
            raise UsageError(
                f"study {study.study_name!r} has no finished trial {number}; its last finished "
                f"one is {trials[-1].number}"
            )
        return named
    if sample is None or sample >= len(trials):
        return trials
    return sorted(random.sample(trials, sample), key=lambda trial: trial.number)


def _job(brief: Brief, trial: FrozenTrial) -> Job:
    """Return the job the trial was, up to the end of the epoch in which it was pruned."""
    stored = trial.user_attrs
    job = search_job(brief, stored["hyperparameters"], stored["seed"])
    if trial.state != TrialState.PRUNED:
        return job
    return replace(job, stop_after=math.ceil(stored["curve"][-1][1]))
