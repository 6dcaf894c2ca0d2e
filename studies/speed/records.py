"""What the scripts here share: rows that are appended to a CSV as soon as they are known."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tuner.machine import machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    """All rows of a CSV, as text; none where there is no such file yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row, with the day and the machine; the first one brings the header."""
    whole = {
        name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()
    } | {"date": f"{datetime.now():%Y-%m-%d}", "machine": _machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(whole), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(whole)


def _machine() -> str:
    facts = machine()
    return f"{facts['processor']}, {facts['cores']} cores, torch {facts['torch']}"
