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


def record_opening(study: optuna.Study, identity: str, reason: str) -> None:
    """Note that the test split is opened now.

    Args:
        identity: of the rows, as `LockedSplit.identity` has it.
        reason: for the record.
    """
    opening = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": reason,
        "rows": identity,
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
    """Return how often the rows that a study tests on were looked at in its store.

    Twenty honest studies on one test set are twenty looks at it.

    Args:
        study: whose openings count in any case.
        identity: of its test rows; None: not known, as in a study that was made before looks were
            counted by rows. Its data's fingerprint tells then.
    """
    data = _fingerprint(study.user_attrs)
    looks = 0
    for other in storage_of(study).get_all_studies():
        own = other.study_name == study.study_name
        same_data = data is not None and _fingerprint(other.user_attrs) == data
        for opening in other.user_attrs.get(OPENINGS, []):
            rows = opening.get("rows")
            known = rows is not None and identity is not None
            looks += rows == identity if known else own or same_data
    return looks


def _fingerprint(attributes: Mapping[str, Any]) -> str | None:
    found: str | None = attributes.get(FACTS, {}).get("data", {}).get("fingerprint")
    return found
