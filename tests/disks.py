"""Full disks."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def small_file_system(folder: Path) -> Iterator[Path]:
    """Yield a separate file system of 16 megabytes."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be made here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave(folder: Path, room: int) -> None:
    """Fill a disk until this many bytes are free."""
    filler = folder / "filler"
    filler.unlink(missing_ok=True)
    wanted = shutil.disk_usage(folder).free - room
    if wanted > 0:
        filler.write_bytes(b"x" * wanted)
