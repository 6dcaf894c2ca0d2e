"""All paths that a study uses, in one folder."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, unquote

from tuner.depot.contract import BUNDLES
from tuner.depot.record import depot_at, depot_of
from tuner.errors import StoreError

if TYPE_CHECKING:
    from tuner.depot.contract import Depot

STORAGE = Path("storage")
DATABASE = "studies.db"
SQLITE = "sqlite:///"
MARKS = "databases"  # has a file for each other database with files in the folder


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder for everything that studies need and make, and their database.

    Attributes:
        root: the folder.
        url: of the database: a file in the folder, or a server's.
    """

    root: Path
    url: str

    @classmethod
    def at(cls, home: Path | None = None, url: str | None = None) -> Self:
        """Return the workplace for --home and --storage; both may be omitted.

        A separate database has a folder of its own, so that studies of the same name in two
        databases never share a report, a bundle or a cache. A leading ~ is the home folder.

        Raises:
            StoreError: the URL names no possible file for a database, or the folder has a name that
                is not UTF-8.
        """
        if home is not None:
            home = _expanded(home)
        if url is None:
            root = home or STORAGE
            return cls(root, f"{SQLITE}{(root / DATABASE).as_posix()}")
        file = database_file(url)
        if file is not None:
            url = f"{SQLITE}{file.as_posix()}"
        return cls(home or _beside(url, file), url)

    @property
    def is_default(self) -> bool:
        """Whether commands find it without options."""
        return self == type(self).at()

    @property
    def mark(self) -> str:
        """A short name of the database: always the same for it, and free of secrets."""
        file = database_file(self.url)
        return _mark(self.url) if file is None else _mark(f"sqlite://{file.resolve()}")

    @property
    def marks(self) -> set[str]:
        """Names of the databases whose studies have files in the folder, as far as recorded."""
        folder = self.root / MARKS
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def note_database(self) -> None:
        """Record that studies of this database have files in the folder, if nothing else shows it.

        Raises:
            OSError: the folder cannot be written.
        """
        if self.url != type(self).at(self.root).url and self.mark not in self.marks:
            (self.root / MARKS).mkdir(parents=True, exist_ok=True)
            (self.root / MARKS / self.mark).touch()

    @property
    def data(self) -> Path:
        """Folder for downloaded raw data."""
        return self.root / "data"

    @property
    def cache(self) -> Path:
        """Folder for data sets as models see them."""
        return self.root / "cache"

    @property
    def depot(self) -> Depot:
        """Bundles, and files for optuna-dashboard: in the folder, or at the place of `tuner files`.

        Raises:
            DepotError: the folder's record of the place cannot be used.
        """
        return depot_of(self.root)

    @property
    def keeps_elsewhere(self) -> bool:
        """Whether the depot is somewhere else than the folder.

        Raises:
            DepotError: the folder's record of the place cannot be used.
        """
        return self.depot.folder != self.root

    @property
    def depots(self) -> list[Depot]:
        """All places of bundles: the depot, and the folder, where some may wait to be uploaded."""
        depot = self.depot
        return [depot] if depot.folder == self.root else [depot, depot_at(None, self.root)]

    def confirmation(self, study: str) -> Path:
        """Return the folder for weights of models that wait for a study's test."""
        return self.root / "confirmation" / study

    def report(self, study: str) -> Path:
        """Return the folder of a study's report."""
        return self.root / "reports" / study

    def bundles(self, study: str) -> Path:
        """Return the folder of a study's bundles, or of those that wait to be uploaded."""
        return self.root / BUNDLES / study


def database_file(url: str) -> Path | None:
    """Return the file of an SQLite URL; None if the URL is a server's.

    Raises:
        StoreError: it names no file, a folder, or another file than it seems to name.
    """
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() not in {"sqlite", "sqlite+pysqlite"}:
        return None
    name = rest.removeprefix("///")
    if name in {"", "//", ":memory:"}:
        raise StoreError("a database in memory would be lost; name a file: sqlite:///FILE")
    if not rest.startswith("///") or name.startswith("file:"):
        meant = rest.removeprefix("///").removeprefix("file:").rpartition("@")[2]
        slash = "/" if rest.startswith("/") and not rest.startswith("//") else ""
        raise StoreError(
            f"an SQLite URL begins with sqlite:/// and a path follows; did you mean "
            f"{SQLITE}{slash}{meant.lstrip('/').partition('?')[0]}?"
        )
    if "?" in name:
        before = name.partition("?")[0]
        raise StoreError(
            f"what follows the ? in an SQLite URL is not a part of the file's name, and no option "
            f"is taken there; write {SQLITE}{before} or name a file without ?"
        )
    if (read := unquote(name)) != name:  # as SQLAlchemy reads it
        raise StoreError(
            f"an SQLite URL takes a file's name as it is, and {name} would be read as {read}; "
            "choose a name without % and two digits after it"
        )
    path = _expanded(Path(name))
    if name.endswith("/") or path.is_dir():
        raise StoreError(
            f"{path} is a folder; name a file in it: {SQLITE}{(path / DATABASE).as_posix()}"
        )
    return path


def _expanded(path: Path) -> Path:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # SQLite and safetensors accept only UTF-8
        raise StoreError(f"{os.fsencode(path)!r} is not UTF-8; choose another name") from error
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise StoreError(f"{path} has no home folder to stand for; write the whole path") from error


def _beside(url: str, file: Path | None) -> Path:
    """Return the folder of a database: that of an SQLite file, or one for a server."""
    if file is not None:
        if file.name == DATABASE:
            return file.parent
        return file.with_suffix("") if file.suffix else file.with_name(f"{file.name}-files")
    return STORAGE / _mark(url)


def _mark(url: str) -> str:
    """Return a name for a database without secrets, different for two on one server."""
    scheme = url.partition(":")[0].partition("+")[0]
    before, _, options = url.partition("://")[2].partition("?")
    where = before.rpartition("@")[2]
    told = dict(parse_qsl(options))
    where += "".join(f" {told[name]}" for name in ("host", "port", "dbname") if name in told)
    digest = hashlib.sha256(where.encode()).hexdigest()[:8]
    return f"{scheme}-{digest}"
