"""Uploads this machine's data for a study on a service: a table, or a folder of pictures."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.reference import door_of, options_of, to_door
from tuner.data.formats import SUFFIXES
from tuner.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from tuner.client import Client

SENT = {"table": (".csv", ".parquet"), "images": (".zip",)}
SAME_TIME = (1980, 1, 1, 0, 0, 0)  # of each file in an archive, for reproducible bytes


def with_data(client: Client, case: str) -> tuple[str, str]:
    """Upload the data of a door, unless the service has it; return the case there, and its name.

    Raises:
        UsageError: there is no such data here or there, or it cannot be uploaded.
        ServiceError: the service refuses it.
    """
    door, options = str(door_of(case)), options_of(case)
    typed = Path(options["data"])
    if not typed.exists():
        named = client.data()
        if typed.as_posix() not in named:
            raise unknown_name("file or data", "data of the service", str(typed), named)
        return to_door(door, {**options, "data": typed.as_posix()}), typed.stem
    if typed.is_dir() and door == "images":
        name = typed.resolve().name
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / f"{name}.zip"
            _pack(typed, archive)
            sent = client.send(archive)
    elif typed.suffix.lower() in SENT[door]:
        name, sent = typed.stem, client.send(typed)
    else:
        raise UsageError(
            f"{typed} cannot be sent; a service takes {' or '.join(SENT[door])} files"
            f"{', or a folder of pictures' if door == 'images' else ''}"
        )
    return to_door(door, {**options, "data": sent}), name


def _pack(folder: Path, archive: Path) -> None:
    """Pack the pictures of a folder without compressing them again; links are not followed."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), SAME_TIME)
                made.writestr(entry, path.read_bytes())
