"""Counts the ended trials of each study, reading only the database file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.study.database.sqlite import connected
from tuner.study.store import evidence_name
from tuner.study.trials import COUNTING, counts

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Ended:
    """The part of an ended trial that decides whether it counts."""

    user_attrs: dict[str, Any] = field(default_factory=dict)


def counts_in_file(path: Path) -> dict[str, int]:
    """Return how many of the requested trials have ended, for each study in a file.

    Raises:
        StoreError: it is not an Optuna database.
    """
    found: dict[str, dict[int, _Ended]] = {}
    with connected(path) as connection:
        rows = connection.execute(
            "SELECT study_name, t.trial_id, key, value_json FROM studies s "
            "LEFT JOIN trials t ON t.study_id = s.study_id AND state NOT IN ('RUNNING', 'WAITING') "
            "LEFT JOIN trial_user_attributes a "
            "ON a.trial_id = t.trial_id AND key IN (SELECT value FROM json_each(?)) "
            "ORDER BY study_name",
            (json.dumps(COUNTING),),
        )
        for name, trial, key, value in rows:
            trials = found.setdefault(name, {})
            if trial is not None:
                ended = trials.setdefault(trial, _Ended())
                if key is not None:
                    ended.user_attrs[key] = json.loads(value)
    return {
        name: sum(map(counts, trials.values()))
        for name, trials in found.items()
        if not name.endswith(evidence_name(""))
    }
