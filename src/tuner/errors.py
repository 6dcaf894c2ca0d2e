"""All errors that `tuner` raises on purpose.

    TunerError                  every error of tuner; commands print its one line and exit with 2
    ├── UsageError              an option, a name or an input file cannot be used
    ├── CaseError               a case file breaks the contract of `tuner.Case`
    ├── DataError               data is missing, damaged, or not the data of the study
    ├── StoreError              the database cannot be opened, or was not made by tuner
    ├── StudyError              the study cannot continue: it differs, or its baseline fails
    ├── TrainingError           one training failed; its trial is a FAIL, the study continues
    │   └── DivergedError       a loss or a score that is not a finite number
    ├── EngineError             the engine itself broke, whatever was being trained
    ├── BundleError             a saved model that is incomplete or was altered
    ├── DepotError              the place of models and files (another disk, S3) cannot be used
    └── ServiceError            a service refuses what it was asked for, or cannot be reached

A message says what was given, what is accepted, and what to do next.
"""

from __future__ import annotations

import errno
import sqlite3
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_REFUSALS = 10  # in one message
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# The second one: not even the small file fits that reading a database in write-ahead mode needs.
NO_SPACE_IN_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


class TunerError(Exception):
    """Base of all errors that `tuner` raises on purpose.

    Attributes:
        may_pass: what is in the way may be gone in a moment, so the same may end well then.

    >>> import tuner
    >>> try:
    ...     tuner.open_study("nothing")
    ... except tuner.TunerError as error:
    ...     print(error)
    no study 'nothing'...
    """

    def __init__(self, reason: str = "", *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class UsageError(TunerError):
    """Something typed by a person cannot be used."""


class CaseError(TunerError):
    """A case file breaks the contract of a case."""


class DataError(TunerError):
    """Data is missing, damaged, or not the data the study was made on."""


class StoreError(TunerError):
    """The database cannot be opened, or was made by something else."""


class StudyError(TunerError):
    """A study cannot be started or continued as asked."""


class TrainingError(TunerError):
    """A single training failed."""


class DivergedError(TrainingError):
    """A training produced a loss or a score that is not a finite number."""


class UnreliableError(StudyError):
    """More trainings of a configuration diverged than models of it are needed.

    Attributes:
        trial: its number; or the name of a part.
    """

    def __init__(self, message: str, trial: int | str) -> None:
        super().__init__(message)
        self.trial = trial


class EngineError(TunerError):
    """An engine cannot run fits any more."""


class BundleError(TunerError):
    """A bundle is incomplete, altered, or of a kind this version cannot use."""


class DepotError(TunerError):
    """The place of bundles and files of the dashboard (another disk, S3) cannot be used now."""


class ServiceError(TunerError):
    """A service refuses a request, cannot be reached, or is something else.

    Attributes:
        status: HTTP status of the response; None if there was none, or it broke off.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error; empty if it has no text."""
    return str(error).strip().partition("\n")[0]


def lacks_room(error: BaseException) -> bool:
    """Whether an error, or one of its causes, means that the disk is full."""
    cause = error.__cause__ or error.__context__
    return (
        (isinstance(error, OSError) and error.errno in NO_SPACE)
        or getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) in NO_SPACE_IN_SQLITE
        or (cause is not None and lacks_room(cause))
    )


def all_refused(errors: Sequence[TunerError]) -> TunerError:
    """Return one error for all the files that were refused, so that they can be fixed in one go.

    >>> print(all_refused([DataError("a.png is empty"), DataError("b.png is empty")]))
    2 files cannot be used:
      a.png is empty
      b.png is empty
    """
    if len(errors) == 1:
        return errors[0]
    lines = [str(error) for error in errors[:MOST_REFUSALS]]
    if more := len(errors) - len(lines):
        lines.append(f"and {more} more")
    return DataError("\n  ".join([f"{len(errors)} files cannot be used:", *lines]))


def unknown_name(kind: str, plural: str, got: str, known: Iterable[str]) -> UsageError:
    """Return the error for an unknown name, with the nearest existing name.

    >>> str(unknown_name("case", "cases", "flower", ["flowers", "housing", "mnist"]))
    "no case 'flower'; did you mean 'flowers'? The cases are flowers, housing, mnist"
    """
    names = sorted(known)
    near = get_close_matches(got, names, n=1)
    told = {"kind": said(kind), "plural": said(plural), "got": got, "names": ", ".join(names)}
    if near:
        return UsageError(
            said(
                "no {kind} '{got}'; did you mean '{near}'? The {plural} are {names}",
                **told,
                near=near[0],
            )
        )
    if names:
        return UsageError(said("no {kind} '{got}'. The {plural} are {names}", **told))
    return UsageError(said("no {kind} '{got}'. There are no {plural} yet", **told))
