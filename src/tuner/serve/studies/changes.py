"""Finds which studies of a store have changed since the last look, by the numbers of their rows.

Optuna's tables have no times of changes, but their rows are numbered: a trial that begins or ends
adds rows with higher numbers. Changes within existing rows are not found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

NAMES = text("SELECT study_id, study_name FROM studies")
LAST = text(
    "SELECT (SELECT max(trial_id) FROM trials), "
    "(SELECT max(trial_user_attribute_id) FROM trial_user_attributes), "
    "(SELECT max(study_user_attribute_id) FROM study_user_attributes)"
)
CHANGED = (  # without DISTINCT, which would make SQLite read a whole index
    text("SELECT study_id FROM trials WHERE trial_id > :last"),
    text(
        "SELECT t.study_id FROM trial_user_attributes a "
        "JOIN trials t ON t.trial_id = a.trial_id WHERE a.trial_user_attribute_id > :last"
    ),
    text("SELECT study_id FROM study_user_attributes WHERE study_user_attribute_id > :last"),
)


@dataclass(slots=True)
class Changes:
    """The studies of a store, as they were at the last look.

    Attributes:
        names: of all studies, by id.
        numbers: their ids, by name.
    """

    names: dict[int, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    _last: tuple[int, ...] | None = None

    def look(self, connection: Connection) -> set[int]:
        """Return the ids of studies that are new, renamed or have new rows; at first all."""
        last = tuple(one or 0 for one in connection.execute(LAST).one())
        names: dict[int, str] = dict(connection.execute(NAMES).all())
        changed = set[int]()
        if names != self.names:
            changed = {one for one in names if self.names.get(one) != names[one]}
            self.names, self.numbers = names, {name: one for one, name in names.items()}
        if self._last is not None:
            for query, was, now in zip(CHANGED, self._last, last, strict=True):
                if was != now:
                    changed |= set(connection.scalars(query, {"last": was}))
        self._last = last
        return changed & names.keys()
