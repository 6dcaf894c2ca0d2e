"""The record of the place that a storage folder uses for bundles and files of the dashboard."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tuner.depot.bucket import BucketDepot
from tuner.depot.folder import FolderDepot
from tuner.depot.s3 import SCHEME, is_s3, split
from tuner.errors import DepotError, UsageError
from tuner.files import write_json

if TYPE_CHECKING:
    from tuner.depot.contract import Depot

RECORD = "files.json"  # in the storage folder
OWNERS = "tuner-files.json"  # in the place
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of a storage folder.

    Attributes:
        id: of the storage folder, by which a place recognises it. A folder that was copied or moved
            by hand gets a new one: it cannot know whether the original still uses the place.
        place: of its files; None for the storage folder itself.
        leaving: the place that they were in before, until it is empty; "" for the storage folder;
            None if none is being left.
    """

    id: str
    place: str | None = None
    leaving: str | None = None

    @classmethod
    def of(cls, root: Path) -> Self:
        """Read the record; if there is none, make one without writing it.

        Raises:
            DepotError: it cannot be read.
        """
        try:
            text = (root / RECORD).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return cls(id=uuid.uuid4().hex)
        except OSError as error:
            raise DepotError(f"{root / RECORD} cannot be read: {error.strerror}") from error
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                raise ValueError("it is of another version of tuner")
            is_own = found.get("root") in {None, str(root.resolve())}
            return cls(
                id=str(found["id"]) if is_own else uuid.uuid4().hex,
                place=_text(found["place"]),
                leaving=_text(found["leaving"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DepotError(
                f"{root / RECORD} cannot be used ({error}); it says where models and files of the "
                "dashboard are kept. Remove it, then name the place again: tuner files PLACE"
            ) from error

    def keep(self, root: Path) -> None:
        """Write the record, completely or not at all."""
        own = {"format": FORMAT, "root": str(root.resolve()), **asdict(self)}
        write_json(root / RECORD, own)

    def settle(self, root: Path) -> None:
        """Record that no move is in progress; a folder with its own files needs no record."""
        if self.place is None:
            (root / RECORD).unlink(missing_ok=True)
        else:
            replace(self, leaving=None).keep(root)


def _text(one: object) -> str | None:
    return None if one is None else str(one)


def depot_of(root: Path) -> Depot:
    """Return the depot of a storage folder.

    Raises:
        DepotError: its record cannot be used.
    """
    return depot_at(Record.of(root).place, root)


def depot_at(place: str | None, root: Path) -> Depot:
    """Return the depot at a place; None, "" or the storage folder mean that folder.

    Raises:
        DepotError: there can be no depot at that place.
    """
    if not place:
        return FolderDepot(root)
    if is_s3(place):
        try:
            split(place)
        except UsageError as error:
            raise DepotError(str(error)) from error
        return _bucket(place, root)
    return FolderDepot(Path(place), must_exist=True)


@lru_cache(maxsize=16)
def _bucket(place: str, root: Path) -> BucketDepot:
    return BucketDepot(place, root)  # cached with its connections and the manifests it has read


def named(text: str, root: Path) -> str | None:
    """Return a place that a person names in its recorded form; None for the storage folder.

    Raises:
        UsageError: there can be no depot at that place.
    """
    if is_s3(text):
        bucket, prefix = split(SCHEME + text[len(SCHEME) :])
        return f"{SCHEME}{bucket}/{prefix}".rstrip("/")
    scheme, colon, _ = text.partition("://")
    if colon:
        raise UsageError(
            f"files cannot be kept in {scheme}://...; name a folder, or s3://BUCKET/PREFIX"
        )
    try:
        folder = Path(text).expanduser().resolve()
    except RuntimeError as error:
        raise UsageError(f"{text} has no home folder to stand for; write the whole path") from error
    if folder == root.resolve():
        return None
    if folder.is_relative_to(root.resolve()):
        raise UsageError(f"{folder} is in the storage folder; name a folder elsewhere")
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; make it, then run the same command again")
    return str(folder)


def owners_of(depot: Depot) -> list[str]:
    """Return which storage folders have files in a place, by its own record.

    Raises:
        DepotError: the place cannot be reached, or its record cannot be read.
    """
    text = depot.read_note(OWNERS)
    if text is None:
        return []
    try:
        return [str(one) for one in json.loads(text)["owners"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DepotError(f"{depot.url}/{OWNERS} cannot be read; name another place") from error


def set_owners(depot: Depot, owners: list[str]) -> None:
    """Record which storage folders have files in a place."""
    text = json.dumps({"format": FORMAT, "owners": owners}).encode() if owners else None
    depot.write_note(OWNERS, text)
