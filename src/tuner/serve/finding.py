"""Finds studies by name in a store that may have ten thousand of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tuner.study.catalogue import Catalogue
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def catalogue_of(storage: RDBStorage, *names: str) -> Catalogue:
    """Return a catalogue that has read only these studies, and the trainings after them.

    If one of them does not exist, all are read, so that the error can name those that do.
    """
    ids = []
    for name in dict.fromkeys(names):
        for one in (name, evidence_name(name)):
            with suppress(KeyError):
                ids.append(storage.get_study_id_from_name(one))
    found = Catalogue(storage, ids)
    return found if all(name in found.studies for name in names) else Catalogue(storage)


def is_there(storage: RDBStorage, name: str) -> bool:
    """Whether a study of that name exists."""
    with suppress(KeyError):
        storage.get_study_id_from_name(name)
        return True
    return False
