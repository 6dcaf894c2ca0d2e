"""The service's counts, in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from optuna.trial import TrialState
from sqlalchemy import bindparam, text

from tuner.serve.studies.counting import MICRO
from tuner.serve.tables import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tuner.serve.service import Service

BUSY = text(
    "SELECT COUNT(*) FROM trials t JOIN studies s ON s.study_id = t.study_id "
    "WHERE t.state = 'RUNNING' AND s.study_name IN :names"
).bindparams(bindparam("names", expanding=True))


def exposition(service: Service) -> str:
    """Return all counts and times as one text."""
    states = Counter(service.queue.states())
    at_work = [job.study for job in service.queue.at_work() if job.kind == "study"]
    counted = service.counts.look()
    trials = Counter({state.name.lower(): counted.states[state.name] for state in TrialState})
    with service.storage.engine.connect() as connection:
        busy = connection.execute(BUSY, {"names": at_work}).scalar_one()
    limit = service.supervisor.slots
    families = (
        ("tuner_jobs", "gauge", "Jobs by state.", _by_state(states, STATES)),
        ("tuner_trials", "gauge", "Trials by state.", _by_state(trials, sorted(trials))),
        ("tuner_workers", "gauge", "Trainings that may run at once.", {"": limit}),
        ("tuner_workers_busy", "gauge", "Trainings that run.", {"": busy}),
        (
            *("tuner_trial_seconds", "summary", "Seconds that complete trials took."),
            {"_sum": counted.micro / MICRO, "_count": counted.timed},
        ),
    )
    return "".join(_family(*one) for one in families)


def _by_state(counts: Mapping[str, int], states: Iterable[str]) -> dict[str, int]:
    return {f'{{state="{state}"}}': counts[state] for state in states}


def _family(name: str, kind: str, words: str, samples: Mapping[str, float]) -> str:
    values = [f"{name}{what} {value:.17g}" for what, value in samples.items()]
    return "\n".join([f"# HELP {name} {words}", f"# TYPE {name} {kind}", *values, ""])
