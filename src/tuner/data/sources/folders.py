"""Finds raw data: in a folder that the user named, our own folder, a download, or a stand-in."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tuner.data.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that may hold raw data.

    >>> Folders().given is None
    True

    Attributes:
        given: the folder that the user gave with --data-dir; it has to hold the data.
        own: where downloads go.
    """

    given: Path | None = None
    own: Path = Path("storage/data")

    def __post_init__(self) -> None:
        """Refuse a missing folder, whether or not the case reads from it."""
        if self.given is not None and not self.given.is_dir():
            raise DataError(
                f"--data-dir {self.given} is not a folder; name the folder that holds the data, or "
                "leave --data-dir out"
            )

    def find(
        self,
        files: Sequence[str],
        read: Callable[[Path], Dataset],
        download: Callable[[Path], object],
        stand_in: Callable[[], Dataset] | None = None,
    ) -> Dataset:
        """Read a data set from the first place that has it.

        Args:
            files: paths below a data folder that must exist before `read` is called.
            read: reads the data from a data folder; raises DataError for damaged files.
            download: downloads the data into an empty data folder, or raises OSError (URLError is
                one), HTTPException or RuntimeError.
            stand_in: makes other, clearly named data if a download is impossible.

        Raises:
            DataError: `given` lacks some of `files`; a file is damaged; or the data is missing and
                cannot be downloaded.
        """
        if self.given is not None:
            missing = [name for name in files if not (self.given / name).exists()]
            if missing:
                raise DataError(
                    f"--data-dir {self.given} lacks {', '.join(missing)}; name the folder that "
                    "holds them, or leave --data-dir out to have the data downloaded"
                )
            return read(self.given)
        if not self._is_here(files):
            try:
                self._fetch_once(files, download)
            except (OSError, RuntimeError, HTTPException) as error:
                if stand_in is not None:
                    return stand_in()
                raise DataError(
                    f"the data is not in {self.own} and cannot be downloaded ({error}); put "
                    f"{', '.join(files)} into a folder and name it with --data-dir"
                ) from error
        try:
            return read(self.own)
        except DataError as error:
            tops = sorted({str(self.own / Path(name).parts[0]) for name in files})
            raise DataError(
                f"{error}. To have the data downloaded again, remove {' and '.join(tops)}"
            ) from error

    def _is_here(self, files: Sequence[str]) -> bool:
        return all((self.own / name).exists() for name in files)

    def _fetch_once(self, files: Sequence[str], download: Callable[[Path], object]) -> None:
        """Download, unless another process does: then wait for it, and use its download."""
        self.own.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.own}.lock"):
            if not self._is_here(files):
                self._fetch(files, download)

    def _fetch(self, files: Sequence[str], download: Callable[[Path], object]) -> None:
        """Download to a folder beside ours, and move complete data in."""
        self.own.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download.", dir=self.own) as name:
            beside = Path(name)
            download(beside)
            for top in {Path(file).parts[0] for file in files}:
                shutil.rmtree(self.own / top, ignore_errors=True)
                (beside / top).replace(self.own / top)
