"""The output of jobs: one file for each in the storage folder, read from its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.workplace import Workplace

LINES, BYTES = 40, 32_768


def log_of(workplace: Workplace, job: int) -> Path:
    """Return the file with a job's output."""
    return workplace.root / "jobs" / f"{job}.log"


def tail_of(path: Path) -> str:
    """Return the last lines of a file; empty if it does not exist."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - BYTES))
            found = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(found[-LINES:])
