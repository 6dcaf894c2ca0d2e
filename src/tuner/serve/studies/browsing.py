"""Reads from the store what pages and the API show of studies, at most a moment old."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from tuner.case.metric import metric_of
from tuner.errors import unknown_name
from tuner.evidence.trials.diagnosis import diagnose, diagnosis_in_words
from tuner.evidence.trials.signs import curve_of
from tuner.serve.finding import catalogue_of
from tuner.serve.jobs.logs import log_of, tail_of
from tuner.serve.studies.forecasting import seconds_left
from tuner.serve.studies.listing import ALL, Listing
from tuner.serve.studies.searches import Searches
from tuner.study.arms import arms_among
from tuner.study.design import Design
from tuner.study.schema import (
    ARM,
    CONFIRMATION,
    EVIDENCE,
    FACTS,
    GUESS,
    HYPERPARAMETERS,
    PARENT,
    SECONDS,
    SESSIONS,
    TRIED,
)
from tuner.study.trials import ended_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

    from tuner.runs.folder.inventory import Entry
    from tuner.serve.jobs.queue import Queue
    from tuner.serve.studies.listing import Filter, Part, Row
    from tuner.serve.studies.summaries import Summaries
    from tuner.serve.studies.tidying import Tidying
    from tuner.serve.tables import Job
    from tuner.workplace import Workplace

FRESH = 1.0  # seconds for which a result is reused: many may watch one study
LEADERS = 8
MOST_WATCHED = 20  # studies with cached trials
OPEN = {"queued", "running", "paused"}


@dataclass(slots=True)
class Browser:
    """Reads studies; what was read within the last second is not read again."""

    workplace: Workplace
    storage: RDBStorage
    queue: Queue
    summaries: Summaries
    tidying: Tidying
    _kept: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)
    _watched: dict[Hashable, optuna.Study] = field(default_factory=dict)  # longest ago first
    _listed: Listing = field(default_factory=Listing)
    _searches: Searches = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Start with no search read yet."""
        self._searches = Searches(self.queue)

    def studies(self, asked: Filter = ALL) -> list[Row]:
        """Return studies, and jobs that have none yet, the newest first."""
        return self._listing().rows(asked)

    def part(self, limit: int, cursor: str | None, asked: Filter = ALL) -> Part:
        """Return up to `limit` of `studies`, those after a cursor.

        Raises:
            UsageError: the cursor is invalid.
        """
        return self._listing().part(limit, cursor, asked)

    def study(self, name: str) -> dict[str, Any]:
        """Return a study's present state: progress, running trials, best trials, latest output.

        Raises:
            UsageError: there is neither a study nor a job of that name.
        """
        found: dict[str, Any] = self._fresh(("study", name), lambda: self._live(name))
        return found

    def outcome(self, name: str) -> Entry | None:
        """Return the result of a study's best on the test rows; None if it was not tested."""
        entry = self.summaries.entries().get(name)
        return entry if entry and entry.split != "validation" else None

    def earlier(self, case: str, trials: int, slots: int) -> tuple[str, float] | None:
        """Return an earlier study of a case, and its prediction for a new one, in seconds.

        None if there is no suitable one.
        """
        asked_for = self.queue.studies_of(case)  # all data of a door has one case name
        rows = (row for row in self.studies() if row.case == case or row.name in asked_for)
        name = next((row.name for row in rows if row.trials), None)
        study = name and self._loaded(name)
        if not (name and study):
            return None
        number, attributes = study
        done = self.storage.get_all_trials(number, deepcopy=False)
        total = len(ended_of(done)) + trials
        found = seconds_left(done, attributes[FACTS], total=total, seeds=None, slots=slots)
        return None if found is None else (name, found)

    def trials(self, name: str) -> list[dict[str, Any]]:
        """Return all trials of a study, as plain values.

        Raises:
            UsageError: there is no study of that name.
        """
        study = catalogue_of(self.storage, name).load(name)
        return [_trial(one) for one in study.get_trials(deepcopy=False)]

    def _fresh(self, key: Hashable, read: Callable[[], Any]) -> Any:
        with self._lock:
            when, value = self._kept.get(key, (-math.inf, None))
            if time.monotonic() - when > FRESH:
                value = read()
                if len(self._kept) > 1000:
                    self._kept.clear()
                self._kept[key] = time.monotonic(), value
            return value

    def forget(self) -> None:
        """Discard cached results, because something has changed."""
        with self._lock:
            self._kept.clear()

    def _listing(self) -> Listing:
        found: Listing = self._fresh("studies", self._list)
        return found

    def _list(self) -> Listing:
        """Bring the list up to date; only one thread at a time may call this."""
        entries, jobs = self.summaries.entries(), self._searches.by_study()
        self._listed.update(entries, jobs, self.tidying.tags(), self.tidying.archived())
        return self._listed

    def _live(self, name: str) -> dict[str, Any]:
        job = self.queue.of_study(name)
        study = self._loaded(name)
        if job is None and study is None:
            raise unknown_name("study", "studies", name, self.summaries.entries())
        found: dict[str, Any] = {
            "study": name,
            "job": job and job_facts(job),
            "log": tail_of(log_of(self.workplace, job.id)) if job else "",
            "total": job.options["trials"] if job else None,
            "finished": 0,
            "states": {},
            "running": [],
            "leaders": [],
            "baseline": None,
            "diagnosis": None,
            "metric": None,
            "left": None,
            "parent": None,
            "fixed": {},
        }
        return found if study is None else found | self._searched(name, *study, job)

    def _loaded(self, name: str) -> tuple[int, Mapping[str, Any]] | None:
        try:
            number = self.storage.get_study_id_from_name(name)
            facts = self.storage.get_study_user_attrs(number)
        except KeyError:
            return None
        return (number, facts) if FACTS in facts and EVIDENCE not in facts else None

    def _trials_of(
        self, name: str, number: int, attributes: Mapping[str, Any]
    ) -> list[FrozenTrial]:
        """Return the trials of a study; for a watched one, read only those that may have changed.

        A loaded study keeps its finished trials. A database may give the number and the name of a
        deleted study to another, but not the time at which that one began.
        """
        began = [one.get("started") for one in attributes.get(SESSIONS, ())[:1]]
        key = (number, name, *began)
        study = self._watched.pop(key, None) or optuna.load_study(
            study_name=name, storage=self.storage
        )
        self._watched[key] = study
        if len(self._watched) > MOST_WATCHED:
            del self._watched[next(iter(self._watched))]
        return study.get_trials(deepcopy=False)

    def _searched(
        self, name: str, number: int, attributes: Mapping[str, Any], job: Job | None
    ) -> dict[str, Any]:
        facts = attributes[FACTS]
        metric = metric_of(facts)
        trials = self._trials_of(name, number, attributes)
        complete = [one for one in trials if one.state == TrialState.COMPLETE]
        complete = [one for one in complete if _score(one) is not None]
        arms = arms_among(
            complete, attributes.get(CONFIRMATION), metric.sign, Design.of(dict(facts))
        )
        complete.sort(key=lambda one: -metric.sign * (_score(one) or 0))
        baseline = next((one for one in trials if one.user_attrs.get(ARM) == "baseline"), None)
        is_open = job is not None and job.state in OPEN
        best = arms["best"].value if "best" in arms else None
        return {
            "case": facts["case"],
            "parent": attributes.get(PARENT),
            "fixed": facts.get("fixed", {}),
            "left": _left(trials, facts, job) if job and is_open else None,
            "metric": {
                "name": metric.name,
                "title": metric.title,
                "direction": metric.direction,
                "per_cent": metric.per_cent,
            },
            "finished": len(ended_of(trials)),
            "states": {
                state.name.lower(): sum(one.state == state for one in trials)
                for state in TrialState
            },
            "running": [_trial(one) for one in trials if one.state == TrialState.RUNNING],
            "leaders": [_trial(one) for one in complete[:LEADERS]],
            "baseline": baseline and _trial(baseline),
            "diagnosis": baseline and _diagnosis(facts, baseline, None if is_open else best),
        }


def job_facts(job: Job) -> dict[str, Any]:
    """Return a job as plain values; times in seconds since 1970."""
    names = (
        *("id", "kind", "study", "case", "options", "state", "wish", "who", "submitted"),
        *("started", "ended", "starts", "last_words", "priority", "slots"),
    )
    return {name: getattr(job, name) for name in names}


def _score(trial: FrozenTrial) -> float | None:
    value = trial.values[0] if trial.values else None
    return value if value is not None and math.isfinite(value) else None


def _trial(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "arm": trial.user_attrs.get(ARM) or _origin(trial),
        "score": _score(trial),
        "hyperparameters": trial.user_attrs.get(HYPERPARAMETERS, trial.params),
        "seconds": trial.user_attrs.get(SECONDS),
        "curve": points_of(trial),
    }


def _origin(trial: FrozenTrial) -> str | None:
    """Return the origin of a trial that the search has not drawn."""
    return next((name for name in (GUESS, TRIED) if name in trial.user_attrs), None)


def points_of(trial: FrozenTrial) -> list[list[float | None]]:
    """Return the curve of a trial: step and score of each report point."""
    return [
        [step, value if math.isfinite(value) else None]
        for step, value in sorted(trial.intermediate_values.items())
    ]


def _left(trials: list[FrozenTrial], facts: Mapping[str, Any], job: Job) -> float | None:
    """Return the remaining seconds of a search and its confirmation."""
    options = job.options
    seeds, slots = options.get("seeds"), job.slots or 1
    left = seconds_left(trials, facts, total=options["trials"], seeds=seeds, slots=slots)
    budget = options.get("budget")
    return left if left is None or budget is None else min(left, budget)


def _diagnosis(facts: Mapping[str, Any], baseline: FrozenTrial, best: float | None) -> str | None:
    """Return what is wrong with the baseline; given the best score, the same as in the report."""
    if not baseline.state.is_finished():
        return None
    curve = curve_of(baseline, dict(facts))
    if curve is None:
        return None
    return diagnosis_in_words(diagnose(curve, best), baseline.user_attrs[HYPERPARAMETERS])
