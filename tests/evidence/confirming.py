"""Helpers for tests of a confirmation: engines that count or fail, and its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna

from tests.making import open_as_command, search
from tuner.case.metric import ACCURACY
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Event, Failed, Job
from tuner.evidence.final.verdicts import verdicts
from tuner.report.facts.arms import confirmation_of
from tuner.study.arms import arms_of
from tuner.study.schema import CONFIRMATION
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from tuner.study.configuration import StudyConfig


class Counting(InProcessEngine):
    """Counts the fits that it is given, and can press Ctrl-C at one of them."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        super().__init__()
        self.jobs: list[Job] = []
        self.interrupt_at = interrupt_at

    def start(self, key: int, job: Job) -> None:
        if len(self.jobs) == self.interrupt_at:
            raise KeyboardInterrupt
        self.jobs.append(job)
        super().start(key, job)

    @property
    def fresh(self) -> list[Job]:
        """Return the jobs on fresh folds."""
        return [job for job in self.jobs if job.replicas[0].split_seed is not None]

    @property
    def final(self) -> list[Job]:
        """Return the jobs on all development data."""
        return [job for job in self.jobs if job.replicas[0].split_seed is None]


def quiet(_: str) -> None:
    pass


def kept(study: optuna.Study) -> optuna.Study:
    """Return the study of the trainings after the search."""
    return optuna.load_study(study_name=evidence_name(study.study_name), storage=study._storage)


class Breaking(Counting):
    """An engine on which a fit with one of these seeds fails."""

    def __init__(self, seeds: set[int], *, diverged: bool, interrupt_at: int | None = None) -> None:
        super().__init__(interrupt_at)
        self.seeds, self.diverged, self.broken = seeds, diverged, set[int]()

    def start(self, key: int, job: Job) -> None:
        super().start(key, job)
        if self.seeds & {run.seed for run in job.replicas}:
            self.broken.add(key)

    def next(self, key: int, timeout: float) -> Event:
        if key not in self.broken:
            return super().next(key, timeout)
        self.broken.discard(key)
        self.stop(key)
        return Failed("it does not end", diverged=self.diverged)


GOOD = {"width": 8, "dropout": 0.0, "learning_rate": 0.1, "epochs": 6, "step_lr": False}


def with_a_good_trial(url: str, config: StudyConfig) -> optuna.Study:
    """A study whose third trial learns more than baseline and recipe have time for."""
    study, _ = open_as_command(url, "study", config)
    study.enqueue_trial({**GOOD, "breaks": False})
    return search(url, config, 3)


def best_against_baseline(study: optuna.Study) -> dict[str, Any]:
    arms = arms_of(study)
    confirmation = confirmation_of(study.user_attrs[CONFIRMATION], arms)
    pair = verdicts(study, arms, confirmation, ACCURACY)["best_vs_baseline"]
    assert pair is not None
    return pair
