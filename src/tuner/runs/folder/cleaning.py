"""Finds and removes files and records in a workplace that are no longer needed."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from tuner.depot.folder import UNFINISHED
from tuner.depot.record import Record, owners_of
from tuner.errors import StudyError
from tuner.evidence.statistics.looks import Plan
from tuner.language import Message, said
from tuner.runs.folder.belongings import remove, size_of
from tuner.runs.holding import at_work
from tuner.study.arms import candidates_of
from tuner.study.catalogue import Catalogue
from tuner.study.dashboard import forget
from tuner.study.database.lock import is_held
from tuner.study.database.storage import open_storage
from tuner.study.schema import CONFIRMATION, FACTS
from tuner.study.service_tables import jobs_in
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tuner.depot.contract import Depot, Kept

Kind = Literal[
    "weights", "cache", "folder", "artifact", "record", "evidence", "leftover", "lock", "log"
]
SECONDS_OF_A_DAY = 86_400
SQLITE_HEADER = b"SQLite format 3\0"  # sqlite.org/fileformat2.html, 1.3
SECONDS_AT_WORK = 3600  # a file changed within this time may still be in use
MEANINGS: Mapping[Kind, Message] = {
    "weights": said("weights of a confirmation that has been scored"),
    "cache": said("cached data that no study uses"),
    "folder": said("report, models or weights of a study that is gone"),
    "artifact": said("a file for the dashboard that no study names"),
    "record": said("a file that a study names and that is gone"),
    "evidence": said("trainings of a study that is gone"),
    "leftover": said("left by a write that was interrupted"),
    "lock": said("the lock of a study that is gone"),
    "log": said("what a job of the service printed for a study that is gone"),
}


@dataclass(frozen=True, slots=True)
class Waste:
    """A file, folder or record that is no longer needed.

    Attributes:
        what: the path, or the name of the record.
        path: None for a record in the database only, or for an item of a depot.
        study: the study whose writer must not run meanwhile; None if there is none.
        kept: the item of a depot, and the depot.
    """

    kind: Kind
    what: str
    bytes: int
    path: Path | None = None
    study: str | None = None
    kept: tuple[Depot, Kept] | None = None

    @property
    def changed(self) -> float | None:
        """When it was changed, in seconds since 1970; None for a record, which has no age."""
        if self.kept:
            return self.kept[1].changed
        return None if self.path is None else _changed(self.path)


def find_waste(workplace: Workplace) -> list[Waste]:
    """Return everything that is no longer needed, without changing anything.

    In a folder that several databases share, nothing counts as an orphan: another may need it.

    Raises:
        StoreError: the database cannot be opened.
        DepotError: the place of bundles and artifacts cannot be reached; items that cannot be seen
            are not taken for gone.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    found = [*_weights(workplace, catalogue), *_leftovers(workplace), *_evidence(catalogue)]
    found += _missing(workplace, catalogue)
    if not is_shared(workplace):
        found += [*_folders(workplace, catalogue), *_cache(workplace, catalogue)]
        found += [*_artifacts(workplace, catalogue), *_locks(workplace, catalogue)]
        found += _logs(workplace, catalogue)
    return found


def older_than(found: Iterable[Waste], days: float) -> list[Waste]:
    """Return the items unchanged for this many days; a record has no age and is included."""
    before = time.time() - days * SECONDS_OF_A_DAY
    return [one for one in found if one.changed is None or one.changed <= before]


def is_shared(workplace: Workplace) -> bool:
    """Whether other databases may have files in the workplace's folder."""
    own = workplace in (Workplace.at(workplace.root), Workplace.at(url=workplace.url))
    others = bool(workplace.marks - {workplace.mark}) or _has_another_database(workplace)
    return not own or others or is_depot_shared(workplace)


def _has_another_database(workplace: Workplace) -> bool:
    """Whether another SQLite file, of any name, lies beside the workplace's own."""
    for path in workplace.root.iterdir() if workplace.root.is_dir() else ():
        in_the_making = path.name.startswith(".") or path.suffix == ".new"
        if path.is_file() and not in_the_making and not workplace.url.endswith(f"/{path.name}"):
            if path.suffix == ".db":
                return True
            with suppress(OSError), path.open("rb") as file:  # it is gone, or may not be read
                if file.read(len(SQLITE_HEADER)) == SQLITE_HEADER:
                    return True
    return False


def is_depot_shared(workplace: Workplace) -> bool:
    """Whether another storage folder keeps its bundles in the same place."""
    own = Record.of(workplace.root).id
    return workplace.keeps_elsewhere and not set(owners_of(workplace.depot)) <= {own}


def take_away(workplace: Workplace, waste: Iterable[Waste]) -> list[Waste]:
    """Remove items; return those that were kept because a process works on their study.

    Raises:
        OSError: a file may not be removed.
    """
    catalogue = Catalogue(open_storage(workplace.url, create=False))
    kept = []
    for one in waste:
        try:
            if one.study is None:
                _take(catalogue, one)
            else:
                with at_work(workplace, one.study):
                    _take(catalogue, one)
        except (StudyError, Timeout):
            kept.append(one)
    return kept


def _take(catalogue: Catalogue, one: Waste) -> None:
    if one.kind == "lock" and one.path is not None:
        with FileLock(one.path, timeout=0):  # otherwise another process could take a second lock
            remove(one.path)
    elif one.kept is not None:
        depot, kept = one.kept
        depot.remove(kept)
    elif one.path is not None:
        remove(one.path)
    elif one.kind == "evidence":
        catalogue.delete(one.what)
    elif on_record := catalogue.artifacts().get(one.what):  # still recorded
        owner, of_trial = on_record
        forget(catalogue.storage, owner, one.what, of_trial=of_trial)


def _of_depot(kind: Kind, depot: Depot, one: Kept, study: str | None = None) -> Waste:
    return Waste(kind, one.where, one.bytes, None, study, (depot, one))


def _waste(kind: Kind, path: Path, study: str | None = None) -> Waste:
    return Waste(kind, str(path), size_of(path), path, study)


def _weights(workplace: Workplace, catalogue: Catalogue) -> Iterator[Waste]:
    """Yield the weights of studies whose confirmation is done; until then they are needed."""
    for name, attributes in catalogue.studies.items():
        folder = workplace.confirmation(name)
        confirmed = attributes.get(CONFIRMATION)
        if confirmed and folder.is_dir() and not _has_a_look_to_come(confirmed):
            now = [trial.number for trial in candidates_of(catalogue.load(name))]
            if confirmed.get("candidates") == now:
                yield _waste("weights", folder, name)


def _has_a_look_to_come(confirmed: Mapping[str, Any]) -> bool:
    """Whether a confirmation was interrupted between its looks: the second needs all models."""
    plan = Plan.read(confirmed.get("plan"))
    return plan is not None and not plan.is_over


def _folders(workplace: Workplace, catalogue: Catalogue) -> Iterator[Waste]:
    for place in (workplace.report, workplace.confirmation):
        for path in _inside(place("any").parent):
            if path.name not in catalogue.studies:
                yield _waste("folder", path, path.name)
    for depot in workplace.depots:
        for one in depot.studies():
            if one.study not in catalogue.studies:
                yield _of_depot("folder", depot, one, one.study)


def _cache(workplace: Workplace, catalogue: Catalogue) -> Iterator[Waste]:
    data = [study[FACTS]["data"] for study in catalogue.studies.values()]
    used = {one[name] for one in data for name in ("fingerprint", "identity") if name in one}
    for path in _inside(workplace.cache):
        if not any(path.name.startswith(one) for one in used):
            yield _waste("cache", path)


def _artifacts(workplace: Workplace, catalogue: Catalogue) -> Iterator[Waste]:
    named = catalogue.artifacts()
    for depot in workplace.depots:
        for one in depot.artifacts():
            if one.name not in named and not _is_new(one):  # files are written first, then recorded
                yield _of_depot("artifact", depot, one)


def _missing(workplace: Workplace, catalogue: Catalogue) -> Iterator[Waste]:
    there = {one.name for depot in workplace.depots for one in depot.artifacts()}
    for artifact in catalogue.artifacts():
        if artifact not in there:
            yield Waste("record", artifact, 0)


def _evidence(catalogue: Catalogue) -> Iterator[Waste]:
    for name in catalogue.evidence:
        # The evidence that counts the looks at a test set is kept: deleting a study does not undo
        # them.
        if name not in catalogue.studies and not catalogue.counts_looks(name):
            yield Waste("evidence", name, 0, study=name)


def _locks(workplace: Workplace, catalogue: Catalogue) -> Iterator[Waste]:
    for path in workplace.root.glob("*.db.*.lock"):
        name = path.name.partition(".db.")[2].removesuffix(".lock")
        if name not in catalogue.studies and not is_held(catalogue.storage, name):
            yield _waste("lock", path)  # a study that has just begun is not in the store yet


def _logs(workplace: Workplace, catalogue: Catalogue) -> Iterator[Waste]:
    """Yield output of jobs that the database does not know, or whose study is gone."""
    with catalogue.storage.engine.connect() as connection:
        needed = {
            str(number)
            for number, study, state in jobs_in(connection)
            if study in catalogue.studies or state not in {"done", "cancelled"}
        }
    for path in _inside(workplace.root / "jobs"):
        if path.stem not in needed and not _is_recent(path):
            yield _waste("log", path)


def _changed(path: Path) -> float:
    """Return when a file, or the newest one in a folder, was changed, in s since 1970; 0: gone."""
    with suppress(FileNotFoundError):
        inner = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
        changed: float = max(one.lstat().st_mtime for one in (path, *inner))
        return changed
    return 0.0


def _leftovers(workplace: Workplace) -> Iterator[Waste]:
    for depot in workplace.depots:
        for one in depot.leftovers():
            if not _is_new(one):
                yield _of_depot("leftover", depot, one)
    kinds = [place("any").parent for place in (workplace.report, workplace.confirmation)]
    kinds.append(workplace.data)
    uploads = workplace.root / "uploads"  # to the service
    deep = [path for kind in kinds if kind.is_dir() for path in kind.iterdir() if path.is_dir()]
    for folder in (workplace.root, workplace.cache, uploads, *kinds, *deep):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if UNFINISHED.fullmatch(path.name) and not _is_recent(path):
                yield _waste("leftover", path)


def _inside(folder: Path) -> list[Path]:
    """Return the content of a folder, without unfinished writes."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_new(one: Kept) -> bool:
    return time.time() - one.changed < SECONDS_AT_WORK


def _is_recent(path: Path) -> bool:
    """Whether a file may still be in use; a missing one was moved into its place."""
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime < SECONDS_AT_WORK
    return True
