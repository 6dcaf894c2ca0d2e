"""Reads names of studies from an SQLite file, without importing Optuna.

So a mistyped name is refused at once. If a check cannot be made here, it passes, and opening the
store makes it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from tuner.errors import StoreError, unknown_name
from tuner.study.schema import EVIDENCE, FACTS
from tuner.workplace import database_file

if TYPE_CHECKING:
    from pathlib import Path

WITH_FACTS = """
    SELECT study_name FROM studies JOIN study_user_attributes USING (study_id)
    WHERE key IN (?, ?) GROUP BY study_id HAVING max(key = ?) = 0
"""
SPACE = """
    SELECT value_json FROM studies JOIN study_user_attributes USING (study_id)
    WHERE study_name = ? AND key = ?
"""


def check_study(url: str, name: str) -> None:
    """Refuse a store that does not exist, and a name that none of its studies has.

    Raises:
        StoreError: the URL is not one, or the SQLite file does not exist.
        UsageError: there is no study of that name.
    """
    path = check_store(url)
    known = None if path is None else _names_in(path)
    if known is not None and name not in known[0]:
        raise unknown_name("study", "studies", name, known[1])


def check_store(url: str) -> Path | None:
    """Refuse a store that does not exist; return its file if the URL is a plain SQLite one.

    Raises:
        StoreError: the URL is not one, or the SQLite file does not exist.
    """
    check_url(url)
    path = database_file(url)
    if path is not None and not path.exists():
        raise StoreError(f"no database {path}; run a study first, or name it with --storage")
    return path


def check_url(url: str) -> None:
    """Refuse a text that is not a URL at all.

    Raises:
        StoreError: it is not.
    """
    if "://" not in url:
        raise StoreError(
            f"{url!r} is not a storage URL; write it like sqlite:///storage/studies.db"
        )


def hyperparameters_of(url: str, name: str) -> list[str] | None:
    """Return the names in the search space of a study; None if they cannot be read here."""
    path = database_file(url)
    if path is None:
        return None
    try:
        with closing(_reader(path)) as connection:
            rows = connection.execute(SPACE, (name, FACTS)).fetchall()
        return list(json.loads(rows[0][0])["space"]) or None  # a loop's is known from its trials
    except (sqlite3.Error, LookupError, TypeError, ValueError):
        return None


def _reader(path: Path) -> sqlite3.Connection:
    """Open a file that may be in use, read-only, waiting at most a second for its lock."""
    place = f"file:{quote(os.fsencode(path.resolve()))}?mode=ro"
    return sqlite3.connect(place, uri=True, timeout=1)


def _names_in(path: Path) -> tuple[set[str], list[str]] | None:
    """Return all studies' names, and those that a person may mean; None if unreadable here."""
    try:
        with closing(_reader(path)) as connection:
            every = {row[0] for row in connection.execute("SELECT study_name FROM studies")}
            mine = connection.execute(WITH_FACTS, (FACTS, EVIDENCE, EVIDENCE))
            return every, [row[0] for row in mine]
    except sqlite3.Error:  # locked, damaged, not a database, or its log is in use
        return None
