"""Counts the trials of a store in each state, and their durations; counts are cached.

A trial that has ended does not change. So only studies that have changed, and those with unfinished
trials, are counted again. Sums are stored as integers: if one fell by a rounding error, Prometheus
would take it for a restart.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna.trial import TrialState
from sqlalchemy import bindparam, text

from tuner.serve.studies.changes import Changes
from tuner.study.schema import EVIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.storages import RDBStorage
    from sqlalchemy import Connection

# With Optuna this would read every trial completely; these are three of its tables.
STATES, TIMES, OF_EVIDENCE = (
    text(query).bindparams(bindparam("ids", expanding=True))
    for query in (
        "SELECT study_id, state, COUNT(*) FROM trials WHERE study_id IN :ids "
        "GROUP BY study_id, state",
        "SELECT t.study_id, COUNT(*), SUM(CAST(a.value_json AS FLOAT)) FROM trials t "
        "JOIN trial_user_attributes a ON a.trial_id = t.trial_id AND a.key = 'seconds' "
        "WHERE t.state = 'COMPLETE' AND t.study_id IN :ids GROUP BY t.study_id",
        "SELECT study_id FROM study_user_attributes WHERE key = :key AND study_id IN :ids",
    )
)
AT_ONCE = 1000  # studies in a query
MOST_OPEN = 500  # studies with unfinished trials, which are counted again in one look
MICRO = 10**6
ENDED = {state.name for state in TrialState if state.is_finished()}


class Counted(NamedTuple):
    """The counts of a study, or of all of them.

    Attributes:
        states: number of trials in each state, by its name in the database; without trainings after
            a search.
        timed: number of complete trials with a known duration, trainings after a search included.
        micro: their total duration, in microseconds.
        is_open: whether a trial has not ended.
    """

    states: Counter[str]
    timed: int = 0
    micro: int = 0
    is_open: bool = False


@dataclass(slots=True)
class Counts:
    """The present counts of the trials of a store."""

    storage: RDBStorage
    _changes: Changes = field(default_factory=Changes)
    _of: dict[int, Counted] = field(default_factory=dict)
    _all: Counted = field(default_factory=lambda: Counted(Counter()))
    _open: dict[int, None] = field(default_factory=dict)  # least recently counted first
    _lock: Any = field(default_factory=threading.Lock)

    def look(self) -> Counted:
        """Count again what may have changed; return the total counts."""
        with self._lock, self.storage.engine.connect() as connection:
            changed = self._changes.look(connection)
            for gone in [one for one in self._of if one not in self._changes.names]:
                self._put(gone, None)
            wanted = sorted(changed | set(islice(self._open, MOST_OPEN)))
            for begin in range(0, len(wanted), AT_ONCE):
                part = wanted[begin : begin + AT_ONCE]
                for number, counted in _counted(connection, part).items():
                    self._put(number, counted)
            return self._all

    def _put(self, number: int, now: Counted | None) -> None:
        """Store the counts of a study, and update the sums; None if the study is gone."""
        was = self._of.pop(number, None)
        self._open.pop(number, None)
        for one, sign in ((was, -1), (now, 1)):
            if one is None:
                continue
            states = self._all.states.copy()
            for state, count in one.states.items():
                states[state] += sign * count
            timed, micro = self._all.timed + sign * one.timed, self._all.micro + sign * one.micro
            self._all = Counted(states, timed, micro)
        if now is None:
            return
        self._of[number] = now
        if now.is_open:
            self._open[number] = None


def _counted(connection: Connection, ids: Sequence[int]) -> dict[int, Counted]:
    """Count the trials of some studies."""
    asked = {"ids": list(ids)}
    states: dict[int, Counter[str]] = {one: Counter() for one in ids}
    for number, state, count in connection.execute(STATES, asked):
        states[number][state] = count
    times = dict.fromkeys(ids, (0, 0))
    for number, count, seconds in connection.execute(TIMES, asked):
        times[number] = count, round(MICRO * seconds)
    of_evidence = set(connection.scalars(OF_EVIDENCE, {**asked, "key": EVIDENCE}))
    return {
        one: Counted(
            Counter() if one in of_evidence else states[one],
            *times[one],
            is_open=not states[one].keys() <= ENDED,
        )
        for one in ids
    }
