"""The result of each study so far, cached; only changed ones are read again.

Ten thousand studies take half a minute to read, and many people look every second. Changes within
existing rows, which `Changes` does not find, are found by reading a few more studies each time,
those first that were read longest ago.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, text

from tuner.runs.folder.inventory import entries_of
from tuner.serve.studies.changes import Changes
from tuner.study.catalogue import Catalogue
from tuner.study.schema import FACTS, OPENINGS
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.storages import RDBStorage
    from sqlalchemy import Connection

    from tuner.runs.folder.inventory import Entry

KEPT = text(
    "SELECT s.study_name, a.value_json FROM study_user_attributes a "
    "JOIN studies s ON s.study_id = a.study_id WHERE a.key = :key"
)
FACTS_OF = text(f"{KEPT.text} AND s.study_name = :name".replace("s.study_name, ", "", 1))
SECONDS_FOR_OTHERS = 0.02  # pause between looks, while there is much to read
OPENINGS_OF = text(f"{KEPT.text} AND a.study_id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
# Studies that one look reads: a verdict takes a hundredth of a second. The background thread reads
# the others.
AT_ONCE, TO_FILL, ANYWAY = 5, 50, 3
SECONDS_TO_WAIT_FOR_WORK = 0.5
log = logging.getLogger("tuner.serve")
UNSETTLED = {"running", "interrupted"}  # existing trials change within their rows


@dataclass(slots=True)
class Summaries:
    """The studies of a store, each at most a moment old.

    A look reads a few studies at most, and waits for no other look, so it never takes long. If many
    have changed, or a large store has just been opened, `keep` reads the rest in the background.
    """

    storage: RDBStorage
    _entries: dict[int, Entry] = field(default_factory=dict)  # least recently read first
    _by_name: dict[str, Entry] = field(default_factory=dict)
    _shown: Mapping[str, Entry] = field(default_factory=dict)  # replaced as a whole, never changed
    _unsettled: set[int] = field(default_factory=set)
    _changes: Changes = field(default_factory=Changes)
    _due: set[int] = field(default_factory=set)
    _ownerless: set[int] = field(default_factory=set)
    _others: dict[str, dict[str, Any]] | None = None
    _lock: Any = field(default_factory=threading.Lock)
    _work: threading.Event = field(default_factory=threading.Event)

    def entries(self) -> Mapping[str, Entry]:
        """Return the result so far of each of tuner's studies that was read, by name."""
        if self._lock.acquire(blocking=False):
            try:
                self._read(AT_ONCE)
            finally:
                self._lock.release()
            if self._due:
                self._work.set()
        return self._shown

    @property
    def left(self) -> int:
        """Return how many studies have changed and were not read again yet."""
        return len(self._due)

    def fill(self, over: threading.Event | None = None) -> None:
        """Read everything, or until `over` is set."""
        while not (over and over.is_set()):
            with self._lock:
                self._read(TO_FILL)
                if not self._due:
                    return
            time.sleep(SECONDS_FOR_OTHERS)

    def keep(self, over: threading.Event) -> None:
        """Read everything that looks have left, until `over` is set; for a background thread."""
        self._work.set()
        while not over.is_set():
            if self._work.wait(SECONDS_TO_WAIT_FOR_WORK):
                self._work.clear()
                try:
                    self.fill(over)
                except Exception:  # a page that looks shows the error, and the thread continues
                    log.exception("what has changed in the database could not be read")

    def _read(self, at_once: int) -> None:
        """Read up to `at_once` changed studies, and a few unchanged ones."""
        with self.storage.engine.connect() as connection:
            self._note(self._changes.look(connection))
            changed = sorted(self._due, reverse=True)[:at_once]
            others = [one for one in self._entries if one not in self._due]
            moving = [one for one in others if one in self._unsettled][:AT_ONCE]
            anyway = [one for one in others if one not in self._unsettled][:ANYWAY]
            part = [*changed, *moving, *anyway]
            ids = self._with_evidence(part)
            self._look_for_openings(connection, [*ids, *self._ownerless])
        found = entries_of(Catalogue(self.storage, ids, self._others)) if ids else []
        self._due -= set(part)
        self._ownerless.clear()
        self._keep(part, {one.name: one for one in found})
        self._shown = dict(self._by_name)

    def _keep(self, part: list[int], found: dict[str, Entry]) -> None:
        """Store results; an unchanged result stays the same object."""
        for number in part:
            was, name = self._entries.pop(number, None), self._changes.names[number]
            now = found.get(name)
            if was is not None and was != now and was.name != name:
                self._drop(was)
            if now is None:
                self._by_name.pop(name, None)
            else:
                kept = now if was is None or was != now else was
                self._entries[number] = self._by_name[name] = kept
            is_unsettled = now is not None and now.state in UNSETTLED
            (self._unsettled.add if is_unsettled else self._unsettled.discard)(number)

    def _drop(self, entry: Entry) -> None:
        if self._by_name.get(entry.name) is entry:
            del self._by_name[entry.name]

    def _note(self, changed: set[int]) -> None:
        """Record which studies must be read again, and forget those that are gone."""
        tail, names = evidence_name(""), self._changes.names
        of_evidence = {one for one in changed if names[one].endswith(tail)}
        for one in of_evidence:
            owner = self._changes.numbers.get(names[one].removesuffix(tail))
            if owner is None:  # the study that keeps the looks of deleted studies
                self._ownerless.add(one)
            else:
                self._due.add(owner)
        self._due |= changed - of_evidence
        self._due &= names.keys()
        for number in [one for one in self._entries if one not in names]:
            self._drop(self._entries.pop(number))
            self._unsettled.discard(number)

    def _with_evidence(self, part: list[int]) -> list[int]:
        """Return ids of studies, and of the studies with the trainings after their searches."""
        wanted = [
            self._changes.numbers.get(evidence_name(self._changes.names[one])) for one in part
        ]
        return [*part, *(one for one in wanted if one is not None)]

    def _look_for_openings(self, connection: Connection, ids: list[int]) -> None:
        """Record which studies have tested which rows; older openings only tell the data."""
        asked: dict[str, Any] = {"key": OPENINGS}
        first, opened = self._others is None, set[str | None]()
        query = KEPT if first else OPENINGS_OF
        others = self._others or {}
        found = connection.execute(query, asked if first else {**asked, "ids": ids}).all()
        for name, value in found:
            kept = others.setdefault(name, {})
            before = kept.get(OPENINGS, [])
            kept[OPENINGS] = json.loads(value)
            opened |= _rows_of(kept[OPENINGS][len(before) :])
            of_old = not all("rows" in one for one in kept[OPENINGS])
            if of_old and FACTS not in kept:
                told = connection.execute(FACTS_OF, {"key": FACTS, "name": name}).scalar()
                kept[FACTS] = json.loads(told) if told else {}
        numbers = self._changes.numbers
        if not first and opened:  # verdicts on the same rows change
            by_data = opened | {None}  # older openings are identified by their data
            self._due |= {
                numbers[name]
                for name, kept in others.items()
                if numbers.get(name) in self._entries
                and (None in opened or not by_data.isdisjoint(_rows_of(kept[OPENINGS])))
            }
        self._others = {name: kept for name, kept in others.items() if name in numbers}


def _rows_of(openings: Sequence[Mapping[str, Any]]) -> set[str | None]:
    """Return the identities of tested rows; None stands for older openings, which have none."""
    return {one.get("rows") for one in openings}
