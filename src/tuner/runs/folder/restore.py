"""One run of the restore command: unpacks a backup where nothing is in the way."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.depot.record import RECORD
from tuner.errors import StoreError, UsageError
from tuner.runs.folder import archive
from tuner.study.counting import counts_in_file
from tuner.study.database.sqlite import refuse_damaged
from tuner.study.database.storage import refuse_another_database
from tuner.workplace import database_file

if TYPE_CHECKING:
    from tuner.workplace import Workplace

# A ZIP file has its list of entries at its end.
NO_ARCHIVE = "it is not a backup made by tuner, or its end is missing; use another copy"


def restore(workplace: Workplace, path: Path) -> dict[str, int]:
    """Unpack a backup into a storage folder; return how many trials each study has.

    Everything is first unpacked and checked beside its place, and the database is moved in last.

    Raises:
        StoreError: the storage is a server's.
        UsageError: the file is not a backup, or is damaged or dangerous, or it would overwrite
            something; nothing has changed then.
        OSError: it cannot be read, or its contents cannot be written.
    """
    database = database_file(workplace.url)
    if database is None:
        raise StoreError(
            "a backup has a file for a database, not a server's; name a folder with --home"
        )
    if not path.is_file():
        raise UsageError(f"there is no file {path} to restore")
    _refuse_to_overwrite(workplace, database)
    try:
        with zipfile.ZipFile(path) as opened:
            return _restore(opened, path, workplace, database)
    except (UsageError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = error if isinstance(error, UsageError) else NO_ARCHIVE
        raise UsageError(f"{path} cannot be restored: {reason}") from error


def _refuse_to_overwrite(workplace: Workplace, database: Path) -> None:
    logs = [database.with_name(f"{database.name}{end}") for end in ("-wal", "-journal")]
    there = [
        one
        for one in (database, *logs, workplace.root / RECORD)
        if one.exists() or one.is_symlink()
    ]
    for part in archive.PARTS:
        folder = workplace.root / part
        if folder.is_symlink() or (folder.exists() and (folder.is_file() or any(folder.iterdir()))):
            there.append(folder)
    if there:
        raise UsageError(
            f"{there[0]} already exists, and restore overwrites nothing. Restore into a new folder "
            "with --home DIR, or move the old files away"
        )


def _restore(
    opened: zipfile.ZipFile, path: Path, workplace: Workplace, database: Path
) -> dict[str, int]:
    entries = archive.entries_of(opened, path.stat().st_size)
    workplace.root.mkdir(parents=True, exist_ok=True)
    database.parent.mkdir(parents=True, exist_ok=True)
    needed, free = sum(one.size for one in entries), shutil.disk_usage(workplace.root).free
    if needed > free:
        raise UsageError(
            f"it needs {needed / 1e6:,.0f} MB, and there are {free / 1e6:,.0f} MB free in "
            f"{workplace.root}"
        )
    with tempfile.TemporaryDirectory(prefix=".restore.", dir=workplace.root) as name:
        work = Path(name)
        if _folds_case(work):
            archive.refuse_clashes([one.name for one in entries])
        for entry in entries:
            archive.extract(opened, entry, work)
        copy = work / archive.DATABASE
        try:
            refuse_another_database(copy)
            refuse_damaged(copy)
            trials = counts_in_file(copy)
        except StoreError as error:
            raise UsageError("its database is damaged or was not made by tuner") from error
        _move_in(work, workplace, database)
    return trials


def _folds_case(folder: Path) -> bool:
    """Whether file names are case-insensitive there."""
    probe = folder / "Case"
    probe.touch()
    folds = probe.with_name("cASE").exists()
    probe.unlink()
    return folds


def _move_in(work: Path, workplace: Workplace, database: Path) -> None:
    """Move everything to its place; if something is in the way by now, move everything back."""
    moved: list[tuple[Path, Path]] = []
    try:
        for part in archive.PARTS:
            if (work / part).exists():
                (work / part).replace(workplace.root / part)  # an empty folder is not in the way
                moved.append((workplace.root / part, work / part))
        _put(work / archive.DATABASE, database)
    except BaseException as error:
        for place, back in moved:
            with suppress(OSError):
                place.replace(back)
        if isinstance(error, OSError):
            raise UsageError(f"it cannot be put into {workplace.root}: {error}") from error
        raise


def _put(file: Path, place: Path) -> None:
    """Move a file to a path where none is."""
    copy = place.with_name(f".{place.name}.restored")
    shutil.copyfile(file, copy)  # the database may be on another file system than its folder
    try:
        place.hardlink_to(copy)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if place.exists():
            raise
        copy.replace(place)
    finally:
        copy.unlink(missing_ok=True)
