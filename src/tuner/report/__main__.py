"""`python -m tuner.report STUDY`: write a study's report again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.cli import DATABASE, STORAGE, run
from tuner.naming import folder_name

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; it imports nothing that is slow to import."""
    made = argparse.ArgumentParser(
        prog="tuner report",
        description="Write the report of a study: report.md, report.json, trials.csv and plots. "
        "It comes from the store alone: no data is read and nothing is trained.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    made.add_argument("--storage", metavar="URL", default=DATABASE, help=f"default {DATABASE}")
    made.add_argument("--out", type=Path, metavar="DIR", help="default storage/reports/STUDY")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    from tuner.report.writing import write_report  # imports Optuna and matplotlib
    from tuner.study.store import load_study

    study = load_study(arguments.storage, arguments.study)
    out = arguments.out or STORAGE / "reports" / folder_name(arguments.study)
    report = write_report(study, arguments.storage, out)
    sys.stdout.write(f"{report}\n")
    return 0


if __name__ == "__main__":
    run(main)
