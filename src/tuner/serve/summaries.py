"""What each study has come to, kept in memory; only what has changed is read again.

Ten thousand studies are read in seconds, and many people look every second. Optuna's tables have
no time of change, but their rows are numbered: a trial that begins or ends leaves rows with higher
numbers than there were. What is changed in place besides is found by reading a few studies more
each time, those first that were read longest ago.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, text

from tuner.runs.inventory import entries_of
from tuner.study.catalogue import Catalogue
from tuner.study.schema import FACTS, OPENINGS
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy import Connection

    from tuner.runs.inventory import Entry

NAMES = text("SELECT study_id, study_name FROM studies")
LAST = text(
    "SELECT (SELECT max(trial_id) FROM trials), "
    "(SELECT max(trial_user_attribute_id) FROM trial_user_attributes), "
    "(SELECT max(study_user_attribute_id) FROM study_user_attributes)"
)
CHANGED = (  # without DISTINCT, for which SQLite would read a whole index
    text("SELECT study_id FROM trials WHERE trial_id > :last"),
    text(
        "SELECT t.study_id FROM trial_user_attributes a "
        "JOIN trials t ON t.trial_id = a.trial_id WHERE a.trial_user_attribute_id > :last"
    ),
    text("SELECT study_id FROM study_user_attributes WHERE study_user_attribute_id > :last"),
)
KEPT = text(
    "SELECT s.study_name, a.value_json FROM study_user_attributes a "
    "JOIN studies s ON s.study_id = a.study_id WHERE a.key = :key"
)
FACTS_OF = text(f"{KEPT.text} AND s.study_name = :name".replace("s.study_name, ", "", 1))
SECONDS_FOR_OTHERS = 0.02  # between looks, while much is to be read
OPENINGS_OF = text(f"{KEPT.text} AND a.study_id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
# Studies that one look reads: a verdict takes hundredths of a second.
AT_ONCE, TO_FILL, ANYWAY = 20, 100, 3
UNSETTLED = {"running", "interrupted"}  # trials that are there change in place


@dataclass(slots=True)
class Summaries:
    """The studies of a store, each as it was a moment ago at most.

    A look reads a few studies at most, so it never takes long. In a large store that has just been
    opened, `fill` reads the rest beside.
    """

    storage: RDBStorage
    _entries: dict[int, Entry] = field(default_factory=dict)  # read longest ago first
    _by_name: dict[str, Entry] = field(default_factory=dict)
    _unsettled: set[int] = field(default_factory=set)
    _names: dict[int, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)  # of names
    _last: tuple[int, ...] = (0, 0, 0)
    _due: set[int] = field(default_factory=set)
    _others: dict[str, dict[str, Any]] | None = None
    _lock: Any = field(default_factory=threading.Lock)

    def entries(self, at_once: int = AT_ONCE) -> dict[str, Entry]:
        """Return what each study of tuner's has come to, by name, as far as it has been read.

        Args:
            at_once: studies that are read in this look.
        """
        with self._lock:
            with self.storage.engine.connect() as connection:
                last = tuple(one or 0 for one in connection.execute(LAST).one())
                names: dict[int, str] = dict(connection.execute(NAMES).all())
                self._note(connection, names, last)
                part = sorted(self._due, reverse=True)[:at_once]
                part += [one for one in self._entries if one not in self._due][:ANYWAY]
                if names != self._names:
                    self._numbers = {name: number for number, name in names.items()}
                self._names, self._last = names, last
                self._due -= set(part)
                ids = self._with_evidence(part)
                self._look_for_openings(connection, ids)
            found = entries_of(Catalogue(self.storage, ids, self._others)) if ids else []
            self._keep(part, {one.name: one for one in found})
            return dict(self._by_name)

    @property
    def left(self) -> int:
        """How many studies have changed and have not been read again yet."""
        return len(self._due)

    def fill(self) -> None:
        """Read all there is."""
        self.entries()
        while self.left:
            self.entries(TO_FILL)
            time.sleep(SECONDS_FOR_OTHERS)

    def _keep(self, part: list[int], found: dict[str, Entry]) -> None:
        """Keep what was read; what has not changed stays the same object."""
        for number in part:
            was, name = self._entries.pop(number, None), self._names[number]
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

    def _note(self, connection: Connection, names: dict[int, str], last: tuple[int, ...]) -> None:
        """Note which studies are to be read again, and forget those that are gone."""
        tail = evidence_name("")
        same = names == self._names
        changed = set() if same else {one for one in names if self._names.get(one) != names[one]}
        if self._names:
            for query, was, now in zip(CHANGED, self._last, last, strict=True):
                if was != now:
                    changed |= set(connection.scalars(query, {"last": was}))
        changed &= names.keys()
        of_evidence = {one for one in changed if names[one].endswith(tail)}
        if of_evidence and self._names:
            if not same:
                self._numbers = {name: number for number, name in names.items()}
            owners = {self._numbers.get(names[one].removesuffix(tail)) for one in of_evidence}
            self._due |= {one for one in owners if one is not None}
        self._due |= changed - of_evidence
        self._due |= self._unsettled
        if same:
            return
        self._due &= names.keys()
        for number in [one for one in self._entries if one not in names]:
            self._drop(self._entries.pop(number))
            self._unsettled.discard(number)

    def _with_evidence(self, part: list[int]) -> list[int]:
        """Return ids of studies, and of those that hold the trainings after their searches."""
        wanted = [self._numbers.get(evidence_name(self._names[one])) for one in part]
        return [*part, *(one for one in wanted if one is not None)]

    def _look_for_openings(self, connection: Connection, ids: list[int]) -> None:
        """Keep who has looked at test rows; of openings of old, at which data besides."""
        asked: dict[str, Any] = {"key": OPENINGS}
        first = self._others is None
        query = KEPT if first else OPENINGS_OF
        others = self._others or {}
        found = connection.execute(query, asked if first else {**asked, "ids": ids}).all()
        for name, value in found:
            kept = others.setdefault(name, {})
            before = len(kept.get(OPENINGS, ()))
            kept[OPENINGS] = json.loads(value)
            if not first and len(kept[OPENINGS]) != before:  # verdicts on the same rows change
                self._due |= {one for one, was in self._entries.items() if was.split == "test"}
            of_old = not all("rows" in one for one in kept[OPENINGS])
            if of_old and FACTS not in kept:
                told = connection.execute(FACTS_OF, {"key": FACTS, "name": name}).scalar()
                kept[FACTS] = json.loads(told) if told else {}
        self._others = {name: kept for name, kept in others.items() if name in self._numbers}
