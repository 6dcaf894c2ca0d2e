"""The record of each run of a study: its command line, its machine, and its duration."""

from __future__ import annotations

import math
import shlex
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from tuner.machine import machine
from tuner.revision import full_version
from tuner.study.database.url import without_secrets
from tuner.study.schema import SECONDS, SESSIONS, TRIALS_BEFORE, WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import optuna

    from tuner.runs.settings import StudySettings

    class HasFacts(Protocol):
        """Machines on which fits run."""

        def facts(self) -> dict[str, Any]:
            """Return the facts about them that a study stores."""


SECONDS_BETWEEN_TRIALS = 60.0  # more than passes between trials in a running search
PARTS = ("search_seconds", "confirmation_seconds", "audit_seconds")  # of a run


class Record:
    """The entry of this run among the study's sessions: command line, machine and duration.

    Args:
        not_repeatable: operations of its trainings that may compute other numbers each time.
    """

    def __init__(
        self,
        study: optuna.Study,
        settings: StudySettings,
        workers: int,
        backend: HasFacts,
        not_repeatable: Sequence[str] = (),
    ) -> None:
        self.study, self.before = study, study.user_attrs.get(SESSIONS, [])
        words = shlex.split(settings.command)
        url = settings.workplace.url
        self.entry: dict[str, Any] = {
            "command": shlex.join(without_secrets(word, url) for word in words),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "trials": None if settings.budget is not None else settings.trials,
            TRIALS_BEFORE: sum(
                trial.datetime_complete is not None for trial in study.get_trials(deepcopy=False)
            ),
            "workers": workers,
            "data_dir": settings.data_dir and str(settings.data_dir),
            "machine": machine(),
            "version": full_version(),
            **backend.facts(),
            **({"not_repeatable": list(not_repeatable)} if not_repeatable else {}),
        }
        self._write()

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Record how many seconds a part of the run takes, however it ends.

        A run that is killed keeps the name of its current part.
        """
        began = time.monotonic()
        self.entry[WITHIN] = part
        self._write()
        try:
            yield
        finally:
            self.entry[part] = time.monotonic() - began
            del self.entry[WITHIN]
            self._write()

    def _write(self) -> None:
        self.study.set_user_attr(SESSIONS, [*self.before, self.entry])


def seconds_spent(
    study: optuna.Study, sessions: Sequence[Mapping[str, Any]], own: Mapping[str, Any]
) -> float:
    """Return the seconds that earlier runs have taken.

    A run that was killed in its search has stored no duration for it. It took at least until its
    last trial had ended. The time between two ends counts only a little longer than that trial
    took: otherwise the machine slept, or its clock was set.

    Args:
        own: the session of this run.
    """
    ended = [
        (trial.datetime_complete.astimezone(), trial.user_attrs.get(SECONDS, math.inf))
        for trial in study.get_trials(deepcopy=False)
        if trial.datetime_complete is not None
    ]
    begun = [datetime.fromisoformat(one["started"]) for one in (*sessions, own)]
    spent = 0.0
    for session, (start, following) in zip(sessions, pairwise(begun), strict=True):
        spent += math.fsum(session.get(part) or 0.0 for part in PARTS)
        if PARTS[0] not in session:
            ends = sorted(one for one in ended if start <= one[0] < following)
            for (before, _), (end, seconds) in pairwise([(start, 0.0), *ends]):
                between = (end - before).total_seconds()
                spent += min(between, seconds + SECONDS_BETWEEN_TRIALS)
    return spent
