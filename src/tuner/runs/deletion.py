"""A study deleted, with all that belongs to it and to nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.evidence.odometer import keep_looks
from tuner.runs.belongings import belongings_of, remove, size_of
from tuner.study.catalogue import Catalogue
from tuner.study.lock import only_writer
from tuner.study.store import open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Deletion:
    """What goes with a study.

    Attributes:
        trials: of the search.
        trainings: after the search, on fresh seeds.
        paths: files and folders.
        bytes: of these.
    """

    study: str
    trials: int
    trainings: int
    paths: list[Path]
    bytes: int


def plan_deletion(workplace: Workplace, name: str) -> Deletion:
    """Return what would be deleted with a study.

    Raises:
        UsageError: there is no study of that name.
        StoreError: the database cannot be opened.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    catalogue.check(name)
    counts = [
        catalogue.storage.get_n_trials(catalogue.storage.get_study_id_from_name(one))
        for one in catalogue.family(name)
    ]
    paths = belongings_of(workplace, catalogue, name)
    return Deletion(name, counts[0], sum(counts[1:]), paths, sum(map(size_of, paths)))


def delete_study(workplace: Workplace, name: str) -> None:
    """Delete a study, its evidence, reports, bundles, weights and artifacts.

    The files go first: where it is interrupted, the same command deletes the rest.

    Raises:
        UsageError: there is no study of that name.
        StudyError: another process works on it.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    catalogue.check(name)
    with only_writer(workplace.url, name):
        for path in belongings_of(workplace, catalogue, name):
            remove(path)
        keep_looks(catalogue.load(name))
        catalogue.delete(name)
