"""What the service counts, in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from optuna.trial import TrialState
from sqlalchemy import text

from tuner.serve.tables import STATES
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tuner.serve.service import Service

# Optuna would read every trial whole for this; these are three of its tables.
COUNTS = text(
    "SELECT s.study_name, t.state, COUNT(*) FROM trials t "
    "JOIN studies s ON s.study_id = t.study_id GROUP BY s.study_name, t.state"
)
SECONDS = text(
    "SELECT COUNT(*), COALESCE(SUM(CAST(a.value_json AS FLOAT)), 0) FROM trial_user_attributes a "
    "JOIN trials t ON t.trial_id = a.trial_id WHERE a.key = 'seconds' AND t.state = 'COMPLETE'"
)


def exposition(service: Service) -> str:
    """Return all counts and times as one text."""
    jobs = service.queue.all()
    states = Counter(job.state for job in jobs)
    at_work = {job.study for job in jobs if job.state == "running" and job.kind == "study"}
    trials: Counter[str] = Counter({state.name.lower(): 0 for state in TrialState})
    busy = 0
    with service.storage.engine.connect() as connection:
        for name, state, count in connection.execute(COUNTS):
            if not name.endswith(evidence_name("")):  # trainings after a search are no trials of it
                trials[state.lower()] += count
                busy += count if name in at_work and state == TrialState.RUNNING.name else 0
        count, seconds = connection.execute(SECONDS).one()
    limit = service.supervisor.slots
    families = (
        ("tuner_jobs", "gauge", "Jobs by state.", _by_state(states, STATES)),
        ("tuner_trials", "gauge", "Trials by state.", _by_state(trials, sorted(trials))),
        ("tuner_workers", "gauge", "Trainings that may run at once.", {"": limit}),
        ("tuner_workers_busy", "gauge", "Trainings that run.", {"": busy}),
        (
            *("tuner_trial_seconds", "summary", "Seconds that complete trials took."),
            {"_sum": seconds, "_count": count},
        ),
    )
    return "".join(_family(*one) for one in families)


def _by_state(counts: Mapping[str, int], states: Iterable[str]) -> dict[str, int]:
    return {f'{{state="{state}"}}': counts[state] for state in states}


def _family(name: str, kind: str, words: str, samples: Mapping[str, float]) -> str:
    values = [f"{name}{what} {value:.17g}" for what, value in samples.items()]
    return "\n".join([f"# HELP {name} {words}", f"# TYPE {name} {kind}", *values, ""])
