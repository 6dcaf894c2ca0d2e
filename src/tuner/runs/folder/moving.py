"""One run of the files command: moves bundles and files of the dashboard to another place.

First the new place records whose files it has, then everything is copied, then the storage folder
records the new place, and only then is the old place emptied. So there is always a complete copy,
and if the command is interrupted, running it again completes the move. Files that were written
meanwhile are kept: of two files with one name, the newer one. A place that another storage folder
uses is not emptied.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.depot.record import Record, depot_at, named, owners_of, set_owners
from tuner.depot.use import files_to_move
from tuner.errors import BundleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tuner.depot.contract import Depot, Kept
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Contents:
    """The content of a place, in numbers."""

    bundles: int
    artifacts: int
    bytes: int


def contents_of(depot: Depot) -> Contents:
    """Return how much a place contains.

    Raises:
        DepotError: it cannot be reached.
    """
    bundles, artifacts = depot.bundles(), depot.artifacts()
    return Contents(len(bundles), len(artifacts), sum(one.bytes for one in (*bundles, *artifacts)))


def move(
    workplace: Workplace,
    place: str,
    tell: Callable[[str], object] = lambda _text: None,
    share: bool = False,
) -> None:
    """Move bundles and files of the dashboard to another place, and keep them there from now on.

    Args:
        place: a folder, s3://BUCKET/PREFIX, or the storage folder.
        tell: is called with a line for everything that has been moved.
        share: whether another storage folder may have files there.

    Raises:
        UsageError: there can be no depot at the place, or it has the files of another storage
            folder; or a study, a training or the dashboard is using the files.
        DepotError: the old or the new place cannot be reached; all files are in one of them.
        OSError: a disk failed.
    """
    wanted = named(place, workplace.root)
    with files_to_move(workplace.root):
        _move(workplace.root, wanted, tell, share)


def _move(root: Path, wanted: str | None, tell: Callable[[str], object], share: bool) -> None:
    """Move all files, or the rest after an interrupted move."""
    record = Record.of(root)
    if record.leaving is not None and wanted != record.place:
        raise UsageError(
            f"files are still being moved from {record.leaving or root} to "
            f"{record.place or root}; finish that first: tuner files {record.place or root}"
        )
    target = depot_at(wanted, root)
    if wanted is not None:
        record.keep(root)  # before the place records it
        _claim(target, record.id, share)
    if wanted != record.place:
        _copy(depot_at(record.place, root), target, tell)
        record = replace(record, place=wanted, leaving=record.place or "")
        record.keep(root)
    # The storage folder may have files that a failed upload has left there.
    for other in sorted({record.leaving or "", ""}):
        old = depot_at(other, root)
        if old != target:
            _empty(old, target, record.id, tell)
    record.settle(root)


def _empty(old: Depot, target: Depot, own: str, tell: Callable[[str], object]) -> None:
    """Remove all of a storage folder's files from a place that it leaves."""
    copied, owners = _copy(old, target, tell), owners_of(old)
    if others := [one for one in owners if one != own]:
        if copied:
            tell(
                f"{old.url} keeps its copies: another storage folder uses it, or this one was "
                "copied or moved by hand. If nothing else needs them, remove them yourself"
            )
    else:
        for one in copied:
            old.remove(one)
    if own in owners:
        set_owners(old, others)


def _claim(depot: Depot, own: str, share: bool) -> None:
    """Record in a place that it has files of this storage folder, after testing reads and writes.

    Raises:
        UsageError: it has files of another one.
    """
    owners = owners_of(depot)
    if own in owners:
        return
    if not owners and (depot.bundles() or depot.artifacts()):
        owners = ["unknown"]
    if owners and not share:
        raise UsageError(
            f"{depot.url} has the files of another storage folder; name another place, or add "
            "--share to keep both there"
        )
    set_owners(depot, [*owners, own])


def _copy(old: Depot, new: Depot, tell: Callable[[str], object]) -> list[Kept]:
    """Copy items that are missing or older in the new place; return those that are in both then."""
    copied = []
    bundles = {one.key: one for one in new.bundles()}
    for bundle in old.bundles():
        there = bundles.get(bundle.key)
        # A manifest has the checksums of all other files.
        if there is None or (
            there.changed <= bundle.changed and new.manifest(there) != old.manifest(bundle)
        ):
            try:
                with _at_hand(old, bundle) as folder:
                    new.put_bundle(bundle.study, bundle.name, folder)
            except BundleError as error:
                tell(f"Left where it is: {error}")
                continue
            tell(new.where(bundle.study, bundle.name))
        copied.append(bundle)
    artifacts = {one.key: one for one in new.artifacts()}
    for artifact in old.artifacts():
        there = artifacts.get(artifact.key)
        if there is None or not _is_current(there, artifact):
            with old.open_artifact(artifact.name) as file:
                new.put_artifact(artifact.name, file)
        copied.append(artifact)
    return copied


@contextmanager
def _at_hand(depot: Depot, bundle: Kept) -> Iterator[Path]:
    """Yield the files of a bundle: in their place if that is a folder, because /tmp may be small.

    Raises:
        BundleError: it is damaged.
    """
    if depot.folder is not None:
        yield depot.folder / bundle.key
        return
    with tempfile.TemporaryDirectory(prefix="tuner-move-") as work:
        folder = Path(work) / bundle.name
        depot.fetch(bundle, folder)
        yield folder


def _is_current(there: Kept, artifact: Kept) -> bool:
    """Whether a dashboard file needs no copy: such files are written anew, never changed."""
    return there.changed > artifact.changed or (there.changed, there.bytes) == (
        artifact.changed,
        artifact.bytes,
    )
