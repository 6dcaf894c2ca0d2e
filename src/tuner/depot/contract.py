"""What a place for bundles and files of the dashboard can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

BUNDLES, ARTIFACTS = "bundles", "artifacts"
MOST_MODELS = 64  # of an ensemble, which a bundle holds as one
MANIFEST = "manifest.json"  # of a bundle


@dataclass(frozen=True, slots=True)
class Kept:
    """A bundle, all bundles of a study, a file of the dashboard, or what a write has left.

    Attributes:
        key: its name in the depot, for example bundles/housing/best-seed-1.
        where: its path or its URL, as commands and people take it.
        bytes: its size.
        changed: when it was changed last, in s since 1970.
        tag: another one, if its content is another; empty where nobody can tell.
    """

    key: str
    where: str
    bytes: int
    changed: float
    tag: str = ""

    @property
    def study(self) -> str:
        """The study of a bundle, or of several."""
        return self.key.split("/")[1]

    @property
    def name(self) -> str:
        """The last part of its name."""
        return self.key.rpartition("/")[2]


class Depot(Protocol):
    """A place for bundles and files of the dashboard.

    All of its methods raise DepotError where the place cannot be reached, and OSError where a disk
    refuses.
    """

    @property
    def url(self) -> str:
        """The place, as it is noted and shown: an absolute path or s3://BUCKET/PREFIX."""

    @property
    def folder(self) -> Path | None:
        """The folder on a disk of this machine; None: it is none."""

    def studies(self) -> list[Kept]:
        """Return what is kept of the bundles of each study, whole or damaged."""

    def bundles(self, study: str | None = None) -> list[Kept]:
        """Return all bundles, or those of a study, by study and name."""

    def artifacts(self) -> list[Kept]:
        """Return the files of the dashboard."""

    def leftovers(self) -> list[Kept]:
        """Return what interrupted writes have left; they may be at work still."""

    def where(self, study: str, bundle: str) -> str:
        """Return the path or URL that a bundle has, or would have."""

    def making(self, study: str, bundle: str) -> AbstractContextManager[Path]:
        """Lend a folder to write a bundle to, whole or not at all; then the bundle is kept.

        The folder may hold an earlier bundle of that name; the new one takes its place.
        """

    def put_bundle(self, study: str, bundle: str, folder: Path) -> None:
        """Keep a copy of a bundle, in place of one of that name."""

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
        """Write a bundle as a ZIP file, whose files are in a folder of the bundle's name."""

    def rename(self, study: str, new: str, retell: Callable[[Path], None]) -> None:
        """Give the bundles of a study to another name.

        Args:
            retell: changes a manifest, whose path it is given.
        """

    def open_artifact(self, name: str) -> BinaryIO:
        """Open a file of the dashboard.

        Raises:
            FileNotFoundError: there is none of that name.
        """

    def put_artifact(self, name: str, content: BinaryIO) -> None:
        """Keep a file of the dashboard, whole or not at all, in place of one of that name."""

    def remove(self, one: Kept) -> None:
        """Remove what is kept; what is gone already is no error."""

    def read_note(self, name: str) -> bytes | None:
        """Return a small file at the top of the place; None: there is none."""

    def write_note(self, name: str, content: bytes | None) -> None:
        """Write a small file at the top of the place, or remove it."""
