"""Deletes a study, with everything that belongs to it and to nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.evidence.final.odometer import keep_looks
from tuner.runs.folder.belongings import belongings_of, placebo_of
from tuner.runs.holding import at_work
from tuner.study.catalogue import Catalogue
from tuner.study.database.storage import open_storage
from tuner.study.trials import FINISHED, finished

if TYPE_CHECKING:
    from tuner.runs.folder.belongings import Belonging
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Deletion:
    """Everything that is deleted with a study.

    Attributes:
        trials: number of trials of the search that were asked for.
        trainings: number of trainings after the search, on fresh seeds.
        paths: of files and folders; items in S3 are named by URLs.
        bytes: size of these.
    """

    study: str
    trials: int
    trainings: int
    paths: list[str]
    bytes: int


def plan_deletion(workplace: Workplace, name: str) -> Deletion:
    """Return what would be deleted with a study.

    Raises:
        UsageError: there is no study of that name.
        StoreError: the database cannot be opened.
        DepotError: the place of its bundles cannot be reached.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    catalogue.check(name)
    trials, trainings = 0, 0
    files: list[Belonging] = []
    for study in _with_placebo(catalogue, name):
        _, *evidence = catalogue.family(study)
        trials += finished(catalogue.load(study))
        trainings += sum(
            catalogue.storage.get_n_trials(catalogue.storage.get_study_id_from_name(one), FINISHED)
            for one in evidence
        )
        files += belongings_of(workplace, catalogue, study)
    paths = [one.where for one in files]
    return Deletion(name, trials, trainings, paths, sum(one.bytes for one in files))


def delete_study(workplace: Workplace, name: str) -> None:
    """Delete a study, its placebo, evidence, reports, bundles, weights and artifacts.

    The files are deleted first: if the deletion is interrupted, the same command deletes the rest.

    Raises:
        UsageError: there is no study of that name.
        StudyError: another process works on it.
        DepotError: the place of its bundles cannot be reached.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    catalogue.check(name)
    for study in reversed(_with_placebo(catalogue, name)):
        with at_work(workplace, study):
            for one in belongings_of(workplace, catalogue, study):
                one.take()
            keep_looks(catalogue.load(study))
            catalogue.delete(study)


def _with_placebo(catalogue: Catalogue, name: str) -> list[str]:
    """Return the study and its placebo, if there is one."""
    placebo = placebo_of(catalogue, name)
    return [name] if placebo is None else [name, placebo]
