"""`python -m tuner.ablate STUDY`: measure which change bought the gain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.cli import (
    DATABASE,
    MOST_SECONDS,
    add_case_and_data,
    add_engine,
    run,
    start_importing,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; it imports nothing that is slow to import."""
    made = argparse.ArgumentParser(
        prog="tuner ablate",
        description="Measure which change bought the gain: walk from the baseline to the best one "
        "change at a time, taking the one that does most, and leave each one out of the best. "
        "Trains on fresh seeds and folds of the development data; the test split stays closed. "
        "The same command again goes on where it stopped.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    made.add_argument(
        "--seeds",
        type=whole_number(1),
        default=5,
        metavar="K",
        help="rounds, each with a seed and a fold of its own (default 5)",
    )
    made.add_argument(
        "--budget",
        type=whole_number(1, MOST_SECONDS),
        metavar="SECONDS",
        help="start no training after this time, and report on what there is",
    )
    made.add_argument("--storage", metavar="URL", default=DATABASE, help=f"default {DATABASE}")
    made.add_argument("--out", type=Path, metavar="DIR", help="default storage/reports/STUDY")
    add_engine(made)
    add_case_and_data(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    start_importing(arguments)
    from tuner.ablate.measuring import run_ablation  # imports torch and Optuna

    return run_ablation(arguments)


if __name__ == "__main__":
    run(main)
