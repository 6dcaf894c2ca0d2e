"""One run of the files command: bundles and files of the dashboard move to another place.

The place is told whose files it has, then all is copied, then the storage folder is told of the
place, and only then is the old place emptied. So there is no moment without a whole copy, and
where it is interrupted, the same command does the rest. What was written meanwhile stays: of two
files of one name the newer one is kept. A place that another storage folder uses is not emptied.
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
    """How much a place holds."""

    bundles: int
    artifacts: int
    bytes: int


def contents_of(depot: Depot) -> Contents:
    """Return how much a place holds.

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
    """Keep bundles and files of the dashboard in another place, and move those there are.

    Args:
        place: a folder, s3://BUCKET/PREFIX, or the storage folder.
        tell: is told what has been moved, a line each.
        share: whether another storage folder may have files there.

    Raises:
        UsageError: it cannot be a place, or has the files of another storage folder; or a study,
            a training or the dashboard is at work with the files.
        DepotError: the old or the new place cannot be reached; what was moved is in one of them.
        OSError: a disk refuses.
    """
    wanted = named(place, workplace.root)
    with files_to_move(workplace.root):
        _move(workplace.root, wanted, tell, share)


def _move(root: Path, wanted: str | None, tell: Callable[[str], object], share: bool) -> None:
    """Move all files, or what an interrupted move has left."""
    record = Record.of(root)
    if record.leaving is not None and wanted != record.place:
        raise UsageError(
            f"files are still being moved from {record.leaving or root} to "
            f"{record.place or root}; finish that first: tuner files {record.place or root}"
        )
    target = depot_at(wanted, root)
    if wanted is not None:
        record.keep(root)  # before the place knows it
        _claim(target, record.id, share)
    if wanted != record.place:
        _copy(depot_at(record.place, root), target, tell)
        record = replace(record, place=wanted, leaving=record.place or "")
        record.keep(root)
    # The storage folder may have what an upload that failed has left there.
    for other in sorted({record.leaving or "", ""}):
        old = depot_at(other, root)
        if old != target:
            _empty(old, target, record.id, tell)
    record.settle(root)


def _empty(old: Depot, target: Depot, own: str, tell: Callable[[str], object]) -> None:
    """Take all of a storage folder's files out of a place that it leaves."""
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
    """Note in a place that it has files of this storage folder: it can be written and read.

    Raises:
        UsageError: it has those of another one.
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
    """Copy what the new place does not have yet, or not as new; return what is in both then."""
    copied = []
    bundles = {one.key: one for one in new.bundles()}
    for bundle in old.bundles():
        there = bundles.get(bundle.key)
        # A manifest has the checksums of all else.
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
    """Lend the files of a bundle: where they are, if that is a folder. /tmp may be small.

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
    """Whether a file of the dashboard needs no copy: it is written anew, not changed."""
    return there.changed > artifact.changed or (there.changed, there.bytes) == (
        artifact.changed,
        artifact.bytes,
    )
