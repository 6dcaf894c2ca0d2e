"""Finds what belongs to a study besides its trials: folders, dashboard files, its lock."""

from __future__ import annotations

import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tuner.study.schema import FACTS
from tuner.study.store import placebo_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tuner.study.catalogue import Catalogue
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Belonging:
    """A file, a folder or an item of a depot that belongs to a study.

    Attributes:
        where: its path or its URL.
        bytes: its size.
        take: removes it.
    """

    where: str
    bytes: int
    take: Callable[[], None]


def folders_of(workplace: Workplace, name: str) -> list[Path]:
    """Return the folders of the report and the weights of a study, which may not exist."""
    return [workplace.report(name), workplace.confirmation(name)]


def bundles_of(workplace: Workplace, name: str) -> list[Belonging]:
    """Return the existing bundles of a study.

    Raises:
        DepotError: their place cannot be reached.
    """
    return [
        Belonging(one.where, one.bytes, partial(depot.remove, one))
        for depot in workplace.depots
        for one in depot.studies()
        if one.study == name
    ]


def placebo_of(catalogue: Catalogue, name: str) -> str | None:
    """Return the placebo of a study, which repeats its search on shuffled targets, if any."""
    placebo = placebo_name(name)
    facts = catalogue.studies.get(placebo, {}).get(FACTS, {})
    return placebo if facts.get("shuffled") else None


def belongings_of(workplace: Workplace, catalogue: Catalogue, name: str) -> list[Belonging]:
    """Return everything that belongs to a study and to nothing else.

    Raises:
        DepotError: the place of bundles and artifacts cannot be reached.
    """
    depot, ids = workplace.depot, catalogue.artifacts(name)
    return [
        *(
            Belonging(str(path), size_of(path), partial(remove, path))
            for path in folders_of(workplace, name)
            if path.exists()
        ),
        *bundles_of(workplace, name),
        *(
            Belonging(one.where, one.bytes, partial(depot.remove, one))
            for one in depot.artifacts()
            if one.name in ids
        ),
    ]


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; a missing file has none."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else (path,)
    sizes = 0
    for one in inside:
        with suppress(FileNotFoundError):
            found = one.lstat()
            sizes += 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return sizes


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content; a missing one is not an error.

    Raises:
        OSError: it may not be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
