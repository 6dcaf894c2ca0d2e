"""Chooses where a new model goes: a named folder, or the place of all bundles."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.depot.contract import Depot


@contextmanager
def making(out: Path | None, depot: Depot, study: str, bundle: str) -> Iterator[Path]:
    """Yield a folder for writing a bundle; at the end the bundle is moved to its place.

    Args:
        out: the requested folder; None for the study's own, in the depot.

    Raises:
        UsageError: the requested path is not a folder.
        DepotError: the depot cannot be reached; if that happens at the end, the bundle is in the
            folder.
    """
    if out is None:
        with depot.making(study, bundle) as folder:
            yield folder
        return
    if out.parts and out.parts[0].lower() == "s3:":
        raise UsageError(
            "--out takes a folder on this machine. To keep all models in S3: tuner files "
            "s3://BUCKET/PREFIX"
        )
    yield out


def place_of(out: Path | None, depot: Depot, study: str, bundle: str) -> Path | str:
    """Return the place of a bundle afterwards: its folder, or its URL."""
    if out is not None:
        return out
    where = depot.where(study, bundle)
    return where if depot.folder is None else Path(where)
