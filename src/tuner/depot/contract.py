"""The contract of a depot: a place for bundles and files of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

BUNDLES, ARTIFACTS = "bundles", "artifacts"
MOST_MODELS = 64  # of an ensemble, which is one bundle
MANIFEST = "manifest.json"  # of a bundle


@dataclass(frozen=True, slots=True)
class Kept:
    """An item of a depot: a bundle, all of a study's, a dashboard file, or an unfinished write.

    Attributes:
        key: its name in the depot, for example bundles/housing/best-seed-1.
        where: its path or its URL, as commands and people use it.
        bytes: its size.
        changed: when it was last changed, in seconds since 1970.
        tag: changes with its content; empty if unknown.
    """

    key: str
    where: str
    bytes: int
    changed: float
    tag: str = ""

    @property
    def study(self) -> str:
        """The study of a bundle, or of all its bundles."""
        return self.key.split("/")[1]

    @property
    def name(self) -> str:
        """The last part of its name."""
        return self.key.rpartition("/")[2]


class Depot(Protocol):
    """A place for bundles and files of the dashboard.

    All methods raise DepotError if the place cannot be reached, and OSError if a disk fails.
    """

    @property
    def url(self) -> str:
        """The place, as it is recorded and shown: an absolute path or s3://BUCKET/PREFIX."""

    @property
    def folder(self) -> Path | None:
        """The folder on a disk of this machine; None if the place is not a folder."""

    def studies(self) -> list[Kept]:
        """Return the bundles of each study as one item, complete or damaged."""

    def bundles(self, study: str | None = None) -> list[Kept]:
        """Return all bundles, or those of a study, by study and name."""

    def artifacts(self) -> list[Kept]:
        """Return the files of the dashboard."""

    def leftovers(self) -> list[Kept]:
        """Return the rest of interrupted writes; some may still be in progress."""

    def where(self, study: str, bundle: str) -> str:
        """Return the path or URL that a bundle has, or would have."""

    def making(self, study: str, bundle: str) -> AbstractContextManager[Path]:
        """Yield a folder for writing a bundle, completely or not at all; then the bundle is stored.

        The folder may hold an earlier bundle of that name; the new one replaces it.
        """

    def put_bundle(self, study: str, bundle: str, folder: Path) -> None:
        """Store a copy of a bundle, replacing one of that name."""

    def manifest(self, bundle: Kept) -> bytes:
        """Return the manifest of a bundle.

        Raises:
            OSError: there is none.
        """

    def fetch(self, bundle: Kept, folder: Path) -> None:
        """Copy the files of a bundle into a new folder.

        Raises:
            BundleError: it is damaged.
        """

    def pack(self, bundle: Kept, path: Path) -> None:
        """Write a bundle as a ZIP file, with its files in a folder of the bundle's name."""

    def rename(self, study: str, new: str, retell: Callable[[Path], None]) -> None:
        """Move the bundles of a study to another name.

        Args:
            retell: changes a manifest; it is called with the path.
        """

    def open_artifact(self, name: str) -> BinaryIO:
        """Open a file of the dashboard.

        Raises:
            FileNotFoundError: there is none of that name.
        """

    def put_artifact(self, name: str, content: BinaryIO) -> None:
        """Store a dashboard file, completely or not at all, replacing one of that name."""

    def remove(self, one: Kept) -> None:
        """Remove an item; a missing one is not an error."""

    def read_note(self, name: str) -> bytes | None:
        """Return a small file at the top of the place; None if it does not exist."""

    def write_note(self, name: str, content: bytes | None) -> None:
        """Write a small file at the top of the place, or remove it."""
