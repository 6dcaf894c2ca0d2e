"""What each study has come to, kept in memory; only what has changed is read again.

Ten thousand studies are read in seconds, and many people look every second. Optuna's tables have
no time of change, but their rows are numbered: a trial that begins or ends leaves rows with higher
numbers than there were. What is changed in place besides is found by reading a few studies more
each time, those first that were read longest ago.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tuner.runs.inventory import entries_of
from tuner.study.catalogue import Catalogue
from tuner.study.schema import FACTS, OPENINGS
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optuna.storages import RDBStorage
    from sqlalchemy import Connection

    from tuner.runs.inventory import Entry

NAMES = text("SELECT study_id, study_name FROM studies")
LAST = text(
    "SELECT (SELECT max(trial_id) FROM trials), "
    "(SELECT max(trial_user_attribute_id) FROM trial_user_attributes), "
    "(SELECT max(study_user_attribute_id) FROM study_user_attributes)"
)
CHANGED = (
    text("SELECT DISTINCT study_id FROM trials WHERE trial_id > :last"),
    text(
        "SELECT DISTINCT t.study_id FROM trial_user_attributes a "
        "JOIN trials t ON t.trial_id = a.trial_id WHERE a.trial_user_attribute_id > :last"
    ),
    text(
        "SELECT DISTINCT study_id FROM study_user_attributes WHERE study_user_attribute_id > :last"
    ),
)
KEPT = text(
    "SELECT s.study_name, a.value_json FROM study_user_attributes a "
    "JOIN studies s ON s.study_id = a.study_id WHERE a.key = :key"
)
AT_ONCE, ANYWAY = 500, 5
UNSETTLED = {"running", "interrupted"}  # trials that are there change in place


@dataclass(slots=True)
class Summaries:
    """The studies of a store, each as it was a moment ago at most."""

    storage: RDBStorage
    _entries: dict[int, Entry] = field(default_factory=dict)  # read longest ago first
    _names: dict[int, str] = field(default_factory=dict)
    _last: tuple[int, ...] | None = None
    _stale: set[int] = field(default_factory=set)
    _lock: Any = field(default_factory=threading.Lock)

    def entries(self) -> dict[str, Entry]:
        """Return what each study of tuner's has come to, by name."""
        with self._lock:
            with self.storage.engine.connect() as connection:
                names = {row[0]: str(row[1]) for row in connection.execute(NAMES)}
                last = tuple(one or 0 for one in connection.execute(LAST).one())
                due = None if self._last is None else self._due(connection, names)
            if due is None:
                self._read_all(names)
            else:
                self._forget(names)
                self._read(due, names)
            self._names, self._last = names, last
            return {one.name: one for one in self._entries.values()}

    def _due(self, connection: Connection, names: dict[int, str]) -> list[int]:
        """Return which studies are to be read again."""
        by_name = {name: number for number, name in names.items()}
        changed: set[int] = {one for one in names if self._names.get(one) != names[one]}
        for query, last in zip(CHANGED, self._last or (), strict=True):
            changed |= {row[0] for row in connection.execute(query, {"last": last})}
        tail = evidence_name("")
        owners = {
            by_name.get(names[one].removesuffix(tail)) if names[one].endswith(tail) else one
            for one in changed & names.keys()
        }
        due = {one for one in owners if one is not None}
        due |= {one for one, entry in self._entries.items() if entry.state in UNSETTLED}
        if any(names[one].endswith(tail) for one in changed & names.keys()):
            # A test set may have been looked at once more: all verdicts on it are read again.
            self._stale |= {one for one, entry in self._entries.items() if entry.split == "test"}
        oldest = [one for one in self._entries if one not in due]
        due.update(oldest[:ANYWAY])
        self._stale &= names.keys()
        due.update(list(self._stale)[:AT_ONCE])
        self._stale -= due
        return [one for one in due if one in names]

    def _forget(self, names: dict[int, str]) -> None:
        for number in [one for one in self._entries if one not in names]:
            del self._entries[number]

    def _read_all(self, names: dict[int, str]) -> None:
        numbers = {name: number for number, name in names.items()}
        found = entries_of(Catalogue(self.storage))
        self._entries = {numbers[one.name]: one for one in found if one.name in numbers}

    def _read(self, due: list[int], names: dict[int, str]) -> None:
        numbers = {name: number for number, name in names.items()}
        others = self._looks() if due else {}
        for begin in range(0, len(due), AT_ONCE):
            part = due[begin : begin + AT_ONCE]
            beside = [numbers.get(evidence_name(names[one])) for one in part]
            ids = [*part, *(one for one in beside if one is not None)]
            self._put(part, entries_of(Catalogue(self.storage, ids, others)), numbers)

    def _put(self, read: Iterable[int], found: list[Entry], numbers: dict[str, int]) -> None:
        for number in read:
            self._entries.pop(number, None)
        for one in found:
            if one.name in numbers:
                self._entries[numbers[one.name]] = one

    def _looks(self) -> dict[str, dict[str, Any]]:
        """Return who has looked at test rows; for openings of old, at which data besides."""
        found: dict[str, dict[str, Any]] = {}
        with self.storage.engine.connect() as connection:
            for name, value in connection.execute(KEPT, {"key": OPENINGS}):
                found[name] = {OPENINGS: json.loads(value)}
            openings = {name: kept[OPENINGS] for name, kept in found.items()}
            of_old = {
                name for name, every in openings.items() if not all("rows" in one for one in every)
            }
            if of_old:
                for name, value in connection.execute(KEPT, {"key": FACTS}):
                    if name in of_old:
                        found[name][FACTS] = json.loads(value)
        return found
