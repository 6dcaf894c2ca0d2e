"""Finds bundles in any place: reads their manifests, and fetches their files."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.bundle.manifest import checked_manifest, read_manifest
from tuner.depot.bucket import PACKED, take
from tuner.depot.packing import unpack
from tuner.depot.s3 import is_s3
from tuner.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.depot.contract import Depot, Kept


def manifest_of(depot: Depot, bundle: Kept) -> dict[str, Any]:
    """Return the checked manifest of a bundle.

    Weights in S3 are not downloaded for it; they are checked when they are used.

    Raises:
        BundleError: it is damaged.
        DepotError: the place cannot be reached.
    """
    if depot.folder is not None:
        return read_manifest(depot.folder / bundle.key)
    try:
        return checked_manifest(depot.manifest(bundle), bundle.where, None)
    except OSError as error:
        raise BundleError(f"there is no bundle {bundle.where}") from error


@contextmanager
def at_hand(bundle: str | Path) -> Iterator[Path]:
    """Yield the folder of a bundle that is a folder, a packed one (.zip), or in S3.

    The latter two are unpacked into a temporary folder. Nothing in it is run or unpickled.

    Raises:
        UsageError: its URL is invalid.
        BundleError: it does not exist, or is damaged.
        DepotError: its place cannot be reached, or the extra for S3 is not installed.
    """
    named = str(bundle)
    packed = Path(bundle).suffix == PACKED and Path(bundle).is_file()
    if not is_s3(named) and not packed:
        yield Path(bundle)
        return
    with tempfile.TemporaryDirectory(prefix="tuner-bundle-") as work:
        folder = Path(work) / "bundle"
        if packed:
            unpack(Path(bundle), folder, named)
        else:
            take(named, folder)
        yield folder
