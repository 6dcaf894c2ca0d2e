"""Counts how often the rows of a test set were opened, over all studies of a store."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import optuna
from sqlalchemy import bindparam, text

from tuner.study.schema import EVIDENCE, FACTS, OPENINGS
from tuner.study.store import evidence_name
from tuner.unpromised.by_optuna import storage_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

# With Optuna, this would read all attributes of all studies.
KEPT = text(
    "SELECT s.study_name, a.value_json FROM study_user_attributes a "
    "JOIN studies s ON s.study_id = a.study_id WHERE a.key = :key"
)
KEPT_OF = text(f"{KEPT.text} AND s.study_name IN :names").bindparams(
    bindparam("names", expanding=True)
)


LEDGER = "deleted/studies"  # looks of deleted studies; no study can have this name


def record_opening(
    study: optuna.Study,
    identity: str,
    reason: str,
    look: int = 1,
    test: Mapping[str, Any] | None = None,
) -> None:
    """Record that the test split is opened now.

    Args:
        identity: of the rows, as in `LockedSplit.identity`.
        reason: for the record.
        look: number of the look of the test.
        test: identifies the test among those of the study. If the last test was the same and its
            scores were not stored, it is opened again and counts once. None if it always counts.
    """
    again = look == 1 and test is not None and is_open(study, test)
    opening = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": reason,
        "rows": identity,
        **({"look": look} if look > 1 else {}),
        **({"test": test} if test is not None and look == 1 else {}),
        **({"again": True} if again else {}),
    }
    study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), opening])


def is_open(study: optuna.Study, test: Mapping[str, Any]) -> bool:
    """Whether this test is the last one that a study has begun.

    Call this if no scores of the test are stored: it was then interrupted after its rows were
    opened.
    """
    begun = [one for one in study.user_attrs.get(OPENINGS, []) if one.get("look", 1) <= 1]
    return bool(begun) and begun[-1].get("test") == test and not begun[-1].get("seen")


def keep_looks(study: optuna.Study) -> None:
    """Store the openings of a study that is about to be deleted, so that its looks still count.

    If the deletion is interrupted and repeated, they are stored once.
    """
    of = study.user_attrs.get(FACTS, {}).get("identity") or study.study_name
    openings = [{**one, "of": of} for one in study.user_attrs.get(OPENINGS, [])]
    if not openings:
        return
    ledger = optuna.create_study(
        study_name=evidence_name(LEDGER), storage=storage_of(study), load_if_exists=True
    )
    if EVIDENCE not in ledger.user_attrs:
        ledger.set_user_attr(EVIDENCE, LEDGER)
    kept = ledger.user_attrs.get(OPENINGS, [])
    ledger.set_user_attr(OPENINGS, [*kept, *(one for one in openings if one not in kept)])


def looks_at(study: optuna.Study, identity: str | None) -> int:
    """Return how many tests of the study's test rows have been made in its store.

    Twenty honest studies on one test set are twenty looks at it. A second look that was planned
    with the first is recorded too, but both count as one: they share the error rate of their test
    (`looks.Plan`), and only the result of the last one is reported.

    Args:
        study: its own openings always count.
        identity: of its test rows; None if unknown, as in a study from before looks were counted by
            rows. Then the fingerprint of its data is compared.
    """
    every = {one.study_name: one.user_attrs for one in storage_of(study).get_all_studies()}
    return looks_among(every, study.study_name, identity)


def openings_in(engine: Engine, name: str, identity: str | None) -> dict[str, dict[str, Any]]:
    """Return from a store's studies only what `looks_among` needs, by name.

    Args:
        name: of the study in question.
        identity: of its test rows, as in `looks_at`.
    """
    with engine.connect() as connection:
        found = connection.execute(KEPT, {"key": OPENINGS})
        every: dict[str, dict[str, Any]] = {
            one: {OPENINGS: json.loads(kept)} for one, kept in found
        }
        every.setdefault(name, {})
        by_data = [
            one
            for one, kept in every.items()
            if one == name or identity is None or None in _rows_of(kept)
        ]
        for one, facts in connection.execute(KEPT_OF, {"key": FACTS, "names": by_data}):
            every[one][FACTS] = json.loads(facts)
    return every


def looks_among(every: Mapping[str, Mapping[str, Any]], name: str, identity: str | None) -> int:
    """Return the same as `looks_at`, for a store that has already been read.

    Args:
        every: the attributes of all studies of the store, by name.
        name: of the study, whose own openings always count.
        identity: of its test rows, as in `looks_at`.
    """
    return Looks(every).at(name, identity)


class Looks:
    """All openings of a store, counted once for queries about many studies.

    Args:
        every: the attributes of all studies of the store, by name.
    """

    def __init__(self, every: Mapping[str, Mapping[str, Any]]) -> None:
        self._every = every
        self._by_rows: Counter[str] = Counter()
        self._by_data: Counter[str] = Counter()
        self._by_data_of_old: Counter[str] = Counter()  # openings that do not name their rows
        for attributes in every.values():
            rows = _rows_of(attributes)
            if not rows:
                continue
            self._by_rows.update(one for one in rows if one is not None)
            data = _fingerprint(attributes)
            if data is not None:
                self._by_data[data] += len(rows)
                self._by_data_of_old[data] += rows.count(None)

    def at(self, name: str, identity: str | None) -> int:
        """Return how many tests of a study's test rows have been made.

        Args:
            name: of the study, whose own openings always count.
            identity: of its test rows, as in `looks_at`.
        """
        own = _rows_of(self._every[name])
        data = _fingerprint(self._every[name])
        if identity is None:
            return len(own) if data is None else self._by_data[data]
        of_old = own.count(None) if data is None else self._by_data_of_old[data]
        return self._by_rows[identity] + of_old


def _rows_of(attributes: Mapping[str, Any]) -> list[str | None]:
    """Return the identity of the rows of each opening that counts.

    A second look belongs to the first, and the repetition of an interrupted test is not another
    test.
    """
    openings = attributes.get(OPENINGS, [])
    first = (one for one in openings if one.get("look", 1) <= 1 and not one.get("again"))
    return [opening.get("rows") for opening in first]


def _fingerprint(attributes: Mapping[str, Any]) -> str | None:
    found: str | None = attributes.get(FACTS, {}).get("data", {}).get("fingerprint")
    return found
