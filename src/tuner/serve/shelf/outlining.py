"""Finds the search space of a case or of a door's data, in a process of its own.

That process runs code of the case, which the web process never does: it reads the data, asks the
case for its space and its baseline, and prints them as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.case.assignments import Drawn
from tuner.case.reference import door_of
from tuner.errors import DataError, TunerError
from tuner.imports import same_folders
from tuner.language import said
from tuner.serve.bulkhead import Bulkhead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.serve.shelf.cases import Shelf
    from tuner.workplace import Workplace

SECONDS = 180  # mostly for imports, and for reading the data
BUSY = said("other data is being read; try again in a moment")
MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Outline:
    """A search space with the baseline in it.

    Attributes:
        space: what each hyperparameter can be.
        logarithmic: hyperparameters that are drawn on a logarithmic scale.
        baseline: the default of each.
        said: findings in the data, by subject.
    """

    space: Mapping[str, Drawn]
    logarithmic: frozenset[str]
    baseline: Mapping[str, Any]
    said: list[list[str]]


@dataclass(frozen=True, slots=True)
class Outliner:
    """Reads cases, one after the other; a result is cached until the case's file changes."""

    shelf: Shelf
    workplace: Workplace
    _kept: dict[str, tuple[Any, Outline]] = field(default_factory=dict)
    _bulkhead: Bulkhead = field(default_factory=lambda: Bulkhead(BUSY))

    def known(self, case: str) -> Outline | None:
        """Return an earlier result; None if there is none, or the file has changed since."""
        mark, outline = self._kept.get(case, (None, None))
        return outline if mark == self._mark(case) else None

    def read(self, case: str) -> Outline:
        """Read a case of the shelf, or a door with its data.

        Raises:
            UsageError: there is no such case, or too many people ask at once.
            DataError: it cannot be read; the message says what is wrong.
        """
        if (found := self.known(case)) is not None:
            return found
        with self._bulkhead.entered():
            if (found := self.known(case)) is not None:  # another thread has read it meanwhile
                return found
            return self._read(case)

    def _read(self, case: str) -> Outline:
        mark = self._mark(case)
        try:
            outline = self._run(self.shelf.reference(case))
        except DataError as error:
            if door_of(case) is None:
                raise
            reason = str(error).replace(self.shelf.data_of(case).as_posix(), "the data")
            raise DataError(reason) from error
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[case] = mark, outline
        return outline

    def _mark(self, case: str) -> Any:
        """Return a value that changes with the file of a case or of data."""
        reference = self.shelf.reference(case)
        paths = [Path(reference)] if reference.endswith(".py") else []
        if door_of(reference):
            paths = [self.shelf.data_of(case)]
        return [(one.as_posix(), one.stat().st_mtime_ns) for one in paths if one.exists()]

    def _run(self, reference: str) -> Outline:
        asked = {"reference": reference, "data": str(self.workplace.data)}
        try:
            ended = subprocess.run(  # noqa: S603 - our own module
                [sys.executable, *same_folders(), "-m", "tuner.serve.shelf.outlining"],
                input=json.dumps(asked),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DataError(f"reading it took longer than {SECONDS} s; start the study") from error
        if ended.returncode:
            last = ended.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise DataError(last[0].removeprefix("tuner: "))
        found = json.loads(ended.stdout)
        return Outline(
            {name: Drawn(**_tuple(one)) for name, one in found["space"].items()},
            frozenset(found["logarithmic"]),
            found["baseline"],
            found["said"],
        )


def _tuple(drawn: dict[str, Any]) -> dict[str, Any]:
    choices = drawn.get("choices")
    return {**drawn, "choices": None if choices is None else tuple(choices)}


def outline(reference: str, data: Path) -> dict[str, Any]:
    """Return the content of an `Outline` as plain values. It runs code of the case.

    Raises:
        TunerError: as the case and its data raise it.
    """
    from tuner.case.loading import load_case  # imports torch
    from tuner.case.space import drawn_by, space
    from tuner.data.sources.folders import Folders

    case = load_case(reference)
    told: list[list[str]] = []
    if door_of(reference):  # a door's data decides the space; a case's data may not exist yet
        dataset = case.dataset(Folders(own=data))
        case = case.settled(dataset)
        if dataset.table is not None:
            told.append(["table", dataset.table.in_words()])
        told += [list(one) for one in dataset.inspection or ()]
        remarks = dataset.findings.remarks() if dataset.findings else []
        told += [["remark", one] for one in remarks]
    drawn = space(case)
    return {
        "space": {name: asdict(drawn_by(one)) for name, one in drawn.items()},
        "logarithmic": [name for name, one in drawn.items() if getattr(one, "log", False)],
        "baseline": asdict(case.baseline),
        "said": told,
    }


def main() -> None:
    """Read a request from standard input, and print the result."""
    asked = json.loads(sys.stdin.readline())
    printed = sys.stdout
    sys.stdout = sys.stderr  # a case may print something, which must not mix with the result
    try:
        found = outline(asked["reference"], Path(asked["data"]))
    except TunerError as error:
        raise SystemExit(f"tuner: {error}") from error
    printed.write(json.dumps(found))


if __name__ == "__main__":
    main()
