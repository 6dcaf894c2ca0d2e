"""Where everything lies that a study makes: one folder, and all paths in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

STORAGE = Path("storage")
DATABASE = "studies.db"
SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder for all that studies need and make, and the database that goes with it.

    Attributes:
        root: the folder.
        url: of the database: a file in the folder, or a server's.
    """

    root: Path
    url: str

    @classmethod
    def at(cls, home: Path | None = None, url: str | None = None) -> Self:
        """Return the workplace that --home and --storage name; both can be left out.

        A database of its own has a folder of its own, so that studies of the same name in two
        databases never share a report, a bundle or a cache.
        """
        if url is None:
            root = home or STORAGE
            return cls(root, f"{SQLITE}{(root / DATABASE).as_posix()}")
        return cls(home or _beside(url), url)

    @property
    def is_default(self) -> bool:
        """Whether commands find it without being told."""
        return self == type(self).at()

    @property
    def data(self) -> Path:
        """Raw data that was downloaded."""
        return self.root / "data"

    @property
    def cache(self) -> Path:
        """Data sets as models see them."""
        return self.root / "cache"

    @property
    def artifacts(self) -> Path:
        """Files for optuna-dashboard."""
        return self.root / "artifacts"

    def confirmation(self, study: str) -> Path:
        """Return the folder for weights of models that wait for a study's test."""
        return self.root / "confirmation" / study

    def report(self, study: str) -> Path:
        """Return the folder of a study's report."""
        return self.root / "reports" / study

    def bundles(self, study: str) -> Path:
        """Return the folder of a study's bundles."""
        return self.root / "bundles" / study


def _beside(url: str) -> Path:
    """Return the folder that goes with a database: an SQLite file's own, or one for a server."""
    if url.startswith(SQLITE):
        path = Path(url.removeprefix(SQLITE).partition("?")[0])
        return path.parent if path.name == DATABASE else path.with_suffix("")
    # Without what is secret in it, and different for two databases of one server.
    scheme = url.partition(":")[0].partition("+")[0]
    where = url.partition("://")[2].rpartition("@")[2].partition("?")[0]
    digest = hashlib.sha256(where.encode()).hexdigest()[:8]
    return STORAGE / f"{scheme}-{digest}"
