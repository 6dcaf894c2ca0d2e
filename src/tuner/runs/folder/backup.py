"""One run of the backup command: copies a storage folder, even while it is in use."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tuner import __version__
from tuner.depot.contract import ARTIFACTS, BUNDLES
from tuner.depot.folder import FolderDepot
from tuner.errors import BundleError, StoreError, UsageError
from tuner.files import replacing
from tuner.runs.folder import archive
from tuner.study.counting import counts_in_file
from tuner.study.database.sqlite import snapshot
from tuner.study.database.storage import refuse_another_database
from tuner.workplace import database_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tuner.depot.contract import Depot
    from tuner.runs.folder.archive import Entry
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Backup:
    """The content of a backup.

    Attributes:
        path: of its file.
        trials: number of trials of each study.
        files: number of files, besides the database.
        left_out: files not in it: links, special files, names that cannot be restored, and damaged
            bundles in S3.
    """

    path: Path
    trials: dict[str, int]
    files: int
    left_out: list[str]


def back_up(workplace: Workplace, path: Path) -> Backup:
    """Copy the database, with its artifacts, bundles, reports and confirmation models.

    Others may write meanwhile: the database is copied in its state at one moment, before the files,
    so that every file that it names exists, and each bundle is of one training, even if another
    replaces it. Data and caches are not copied, because they can be made again. Bundles and
    artifacts are copied from wherever they are kept; restored, they are in the storage folder.

    Raises:
        StoreError: there is no database, or it is a server's.
        UsageError: the file exists and is not a backup, or its place is in what it would copy.
        DepotError: the place of bundles and artifacts cannot be reached.
        OSError: it cannot be written; an earlier backup of that name is then unchanged.
    """
    database = _database(workplace)
    _refuse_place(workplace, path)
    entries: list[Entry] = []
    left_out: list[str] = []
    with (
        replacing(path) as beside,
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as work,
    ):
        copy = Path(work) / archive.DATABASE
        snapshot(database, copy)
        trials = counts_in_file(copy)
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as target:
            for name, source in _files(workplace, copy, left_out):
                known = name == archive.DATABASE or archive.is_safe(name)
                if source.is_symlink() or (source.exists() and not (known and source.is_file())):
                    left_out.append(str(source))
                elif entry := archive.add(target, name, source):
                    entries.append(entry)
            made = datetime.now(UTC).isoformat(timespec="seconds")
            archive.close(target, entries, {"tuner": __version__, "made": made, "trials": trials})
    return Backup(path, trials, len(entries) - 1, left_out)


def _database(workplace: Workplace) -> Path:
    database = database_file(workplace.url)
    if database is None:
        raise StoreError(
            "a database on a server is backed up with the server's own tool, pg_dump; copy the "
            f"folder {workplace.root} as well: it has the reports and models"
            + (f". Some are in {workplace.depot.url}" if workplace.keeps_elsewhere else "")
        )
    if not database.exists():
        raise StoreError(
            f"no database {database}; name the one to back up with --home or --storage"
        )
    refuse_another_database(database)
    return database


def _refuse_place(workplace: Workplace, path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it: {path / 'backup.zip'}")
    if path.exists() and not archive.is_archive(path):
        raise UsageError(f"{path} exists and is not a backup made by tuner; name another file")
    tops = {workplace.root, workplace.depot.folder or workplace.root}
    inside = [part for part in archive.PARTS for top in tops if _is_below(path, top / part)]
    if inside:
        raise UsageError(
            f"{path} would be a part of itself: {inside[0]} is backed up; name a file elsewhere"
        )


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _files(workplace: Workplace, database: Path, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files to back up with their names in the archive; unfinished files are hidden.

    A file exists until the next one is asked for. `database` is in a folder for copies.
    """
    yield archive.DATABASE, database
    depot, own = workplace.depot, FolderDepot(workplace.root)
    copied: set[str] = set()
    # The storage folder may have bundles that wait to be sent, and may also be there by now.
    for place in (depot, own) if workplace.keeps_elsewhere else (own,):
        yield from _bundles(place, database.parent, copied, left_out)
    if workplace.keeps_elsewhere:
        for name, path in _others(depot, database.parent, copied):
            copied.add(name)
            yield name, path
    yield from _below(workplace.root, archive.PARTS, copied)


def _bundles(
    depot: Depot, work: Path, copied: set[str], left_out: list[str]
) -> Iterator[tuple[str, Path]]:
    """Yield the files of all bundles, each from a copy: it may be replaced by another meanwhile.

    Args:
        work: a folder for the copies.
        copied: keys of bundles that are not copied again; those of the others are added.
    """
    for bundle in depot.bundles():
        if bundle.key in copied:
            continue
        with tempfile.TemporaryDirectory(dir=work) as copy:
            try:
                depot.fetch(bundle, Path(copy) / bundle.key)
            except BundleError:
                left_out.append(bundle.where)
                continue
            except (FileNotFoundError, shutil.Error):
                continue  # removed by now, or with what is not a file: then one by one, below
            copied.add(bundle.key)
            for name, path in _below(Path(copy), (BUNDLES,)):
                if path.is_symlink():
                    left_out.append(bundle.where + name.removeprefix(bundle.key))
                else:
                    yield name, path


def _others(depot: Depot, work: Path, copied: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Yield what else is in a depot: files of the dashboard, damaged bundles in a folder."""
    if depot.folder is not None:
        yield from _below(depot.folder, (BUNDLES, ARTIFACTS), copied)
        return
    for artifact in depot.artifacts():
        path = work / "artifact"
        with suppress(FileNotFoundError):
            with depot.open_artifact(artifact.name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
            yield artifact.key, path


def _below(
    top: Path, parts: Iterable[str], copied: Collection[str] = ()
) -> Iterator[tuple[str, Path]]:
    """Yield the files below some folders, without those that are copied already."""
    for part in parts:
        for path in sorted((top / part).rglob("*")):
            name = path.relative_to(top)
            if name.as_posix() in copied or "/".join(name.parts[:3]) in copied:
                continue
            if not any(one.startswith(".") for one in name.parts) and (
                path.is_symlink() or not path.is_dir()
            ):
                yield name.as_posix(), path
