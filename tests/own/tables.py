"""Small tables for tests."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tuner.data.sources.folders import Folders
from tuner.own.table.data import load
from tuner.own.table.given import Given

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuner.data.dataset import Dataset


def houses(rows: int = 60, seed: int = 0) -> list[list[str]]:
    """Return a table with all kinds of columns, header first; `price` and `sold` can be learnt."""
    draw = random.Random(seed)
    found = [["id", "size", "town", "built", "garden", "plan", "price", "dear"]]
    for number in range(rows):
        size = draw.lognormvariate(3, 0.5)
        town = draw.choice(["NA", "DE", "US"])
        garden = draw.random() < 0.5
        price = 3 * size + 40 * (town == "NA") + 20 * garden + draw.gauss(0, 3)
        built = date(2001, 1, 1) + timedelta(days=37 * number)
        found.append(
            [
                str(number + 1),
                "" if draw.random() < 0.1 else f"{size:.1f}",
                town,
                built.isoformat(),
                "yes" if garden else "no",
                f"{draw.randrange(4):03d}",
                f"{price:.1f}",
                "dear" if price > 100 else "cheap",
            ]
        )
    return found


def write(path: Path, rows: Sequence[Sequence[object]], separator: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)
    return path


def without(rows: Sequence[Sequence[str]], *names: str) -> list[list[str]]:
    """Return a table without some columns."""
    kept = [place for place, name in enumerate(rows[0]) if name not in names]
    return [[row[place] for place in kept] for row in rows]


def with_column(
    rows: Sequence[Sequence[str]], name: str, values: Sequence[object]
) -> list[list[str]]:
    """Return a table with one more column; it replaces one of the same name."""
    found = without(rows, name)
    cells = [name, *map(str, values)]
    return [[*row, cell] for row, cell in zip(found, cells, strict=True)]


def loaded(path: Path, target: str = "price", **given: Any) -> Dataset:
    """The data set of a table."""
    return load(Given(data=path, target=target, **given), Folders())
