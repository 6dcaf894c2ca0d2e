"""How often the rows of a test set were looked at, over all studies of a store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import optuna

from tuner.study.schema import EVIDENCE, FACTS, OPENINGS
from tuner.study.store import evidence_name
from tuner.unpromised.by_optuna import storage_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def record_opening(study: optuna.Study, identity: str, reason: str, look: int = 1) -> None:
    """Note that the test split is opened now.

    Args:
        identity: of the rows, as `LockedSplit.identity` has it.
        reason: for the record.
        look: of the test that it is made for.
    """
    opening = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": reason,
        "rows": identity,
        **({"look": look} if look > 1 else {}),
    }
    study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), opening])


def keep_looks(study: optuna.Study) -> None:
    """Keep the openings of a study that is about to be deleted: its looks do not go with it."""
    openings = study.user_attrs.get(OPENINGS, [])
    if not openings:
        return
    ledger = optuna.create_study(
        study_name=evidence_name("deleted studies"), storage=storage_of(study), load_if_exists=True
    )
    if EVIDENCE not in ledger.user_attrs:
        ledger.set_user_attr(EVIDENCE, "deleted studies")
    ledger.set_user_attr(OPENINGS, [*ledger.user_attrs.get(OPENINGS, []), *openings])


def looks_at(study: optuna.Study, identity: str | None) -> int:
    """Return how often the rows that a study tests on were tested in its store.

    Twenty honest studies on one test set are twenty looks at it. A second look that was planned
    with the first is on record too, but counts as one with it: they share the error rate of their
    test (`looks.Plan`), and only what the last one says is reported.

    Args:
        study: whose openings count in any case.
        identity: of its test rows; None: not known, as in a study that was made before looks were
            counted by rows. Its data's fingerprint tells then.
    """
    every = {one.study_name: one.user_attrs for one in storage_of(study).get_all_studies()}
    return looks_among(every, study.study_name, identity)


def looks_among(every: Mapping[str, Mapping[str, Any]], name: str, identity: str | None) -> int:
    """Return the same as `looks_at`, for a store that has been read.

    Args:
        every: the attributes of all studies of the store, by name.
        name: of the study whose openings count in any case.
        identity: of its test rows, as for `looks_at`.
    """
    data = _fingerprint(every[name])
    looks = 0
    for other, attributes in every.items():
        own = other == name
        same_data = data is not None and _fingerprint(attributes) == data
        for opening in attributes.get(OPENINGS, []):
            if opening.get("look", 1) > 1:
                continue
            rows = opening.get("rows")
            known = rows is not None and identity is not None
            looks += rows == identity if known else own or same_data
    return looks


def _fingerprint(attributes: Mapping[str, Any]) -> str | None:
    found: str | None = attributes.get(FACTS, {}).get("data", {}).get("fingerprint")
    return found
