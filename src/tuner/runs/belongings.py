"""What belongs to a study besides its trials: folders, files of the dashboard, its lock."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.study.catalogue import Catalogue
    from tuner.workplace import Workplace


def folders_of(workplace: Workplace, name: str) -> list[Path]:
    """Return where the report, the bundles and the weights of a study are, or would be."""
    return [workplace.report(name), workplace.bundles(name), workplace.confirmation(name)]


def belongings_of(workplace: Workplace, catalogue: Catalogue, name: str) -> list[Path]:
    """Return the files and folders there are that belong to a study and to nothing else."""
    artifacts = [workplace.artifacts / one for one in catalogue.artifacts(name)]
    return [path for path in (*folders_of(workplace, name), *artifacts) if path.exists()]


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(one.lstat().st_size for one in path.rglob("*") if not one.is_dir())


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; what is gone already is no error.

    Raises:
        OSError: it may not be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
