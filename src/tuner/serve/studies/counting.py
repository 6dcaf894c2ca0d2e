"""How many trials a store has in each state, and what they took: counted once, then kept.

A trial that has ended stays as it is, so only studies that have changed, and those with trials that
have not ended, are counted again. Sums are kept in whole numbers: one that fell by a rounding error
would look like a restart to Prometheus.
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

# Optuna would read every trial whole for this; these are three of its tables.
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
MOST_OPEN = 500  # studies with trials that have not ended, which are counted again in one look
MICRO = 10**6
ENDED = {state.name for state in TrialState if state.is_finished()}


class Counted(NamedTuple):
    """A study, or all of them.

    Attributes:
        states: trials in each, by its name in the database; none for trainings after a search.
        timed: complete trials of which it is known how long they took, trainings included.
        micro: seconds that those took, times a million.
        is_open: whether a trial has not ended.
    """

    states: Counter[str]
    timed: int = 0
    micro: int = 0
    is_open: bool = False


@dataclass(slots=True)
class Counts:
    """The trials of a store, as they are now."""

    storage: RDBStorage
    _changes: Changes = field(default_factory=Changes)
    _of: dict[int, Counted] = field(default_factory=dict)
    _all: Counted = field(default_factory=lambda: Counted(Counter()))
    _open: dict[int, None] = field(default_factory=dict)  # counted longest ago first
    _lock: Any = field(default_factory=threading.Lock)

    def look(self) -> Counted:
        """Count what may have changed; return the counts of all."""
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
        """Keep what a study has, and the sums with it; None: the study is gone."""
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
