"""The locks of a run that writes: its study, and the place of its files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tuner.depot.use import files_in_use
from tuner.study.database.lock import only_writer
from tuner.study.database.presence import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.workplace import Workplace


@contextmanager
def at_work(workplace: Workplace, study: str) -> Iterator[None]:
    """Lock a study against other writers, and its files against being moved.

    Raises:
        StudyError: another process holds the study.
        DepotError: the files are being moved.
        StoreError: the database cannot be used, or the study was deleted meanwhile.
        OSError: the folder cannot be written.
    """
    with only_writer(workplace.url, study), files_in_use(workplace.root):
        workplace.note_database()
        with kept(study):
            yield
