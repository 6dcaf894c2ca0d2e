"""Checks that a study is still in its database: Optuna and its dashboard can delete a running one.

An SQLite file accepts rows of a deleted trial, and gives its number to the next trial of any study.
So writes that bypass Optuna check the study in the same transaction.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select

from tuner.errors import StoreError
from tuner.unpromised.by_optuna import models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session


def name_of(session: Session, study_id: int) -> str | None:
    """Return the name of a study; None if there is none with this id."""
    rows = models.StudyModel
    return session.scalar(select(rows.study_name).where(rows.study_id == study_id))


def refuse_if_gone(session: Session, study_id: int, name: str | None) -> None:
    """Refuse to write to a study that is gone; another may have its number by now.

    In a file, only a transaction that has already written something keeps others from deleting it.

    Raises:
        StoreError: it was deleted or renamed.
    """
    if name_of(session, study_id) != name:
        raise StoreError(_gone(name))


@contextmanager
def kept(study: str) -> Iterator[None]:
    """Convert Optuna's error for missing rows of a study into one line.

    Raises:
        StoreError: the study, or a trial of it, was deleted.
    """
    try:
        yield
    except KeyError as error:
        if error.args != (models.NOT_FOUND_MSG,):
            raise
        raise StoreError(_gone(study)) from error


def _gone(study: str | None) -> str:
    return (
        f"study {study!r}, or a trial of it, was deleted from the database while it was running, "
        "so nothing more can be stored in it. The same command starts it from the beginning. "
        "optuna-dashboard renames by copying and deleting: a study that it has renamed "
        "continues with --name"
    )
