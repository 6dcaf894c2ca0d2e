"""`python -m tuner.verify STUDY`: train finished trials again, and compare exactly."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tuner.cli import DATABASE, add_case_and_data, add_engine, run, start_importing, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLE = 3


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; it imports nothing that is slow to import."""
    made = argparse.ArgumentParser(
        prog="tuner verify",
        description="Train finished trials of a study again, and compare every point and value "
        "with what is stored, bit for bit. Exit status 0: all are the same; 1: one is not, or is "
        "missing (--all). The trainings after the search are not looked at. Writes nothing.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--trial", type=whole_number(0), metavar="N", help="this trial alone")
    which.add_argument(
        "--sample",
        type=whole_number(1),
        metavar="K",
        help=f"K trials, drawn anew each time (default {SAMPLE})",
    )
    which.add_argument("--all", action="store_true", help="every finished trial")
    made.add_argument("--storage", metavar="URL", default=DATABASE, help=f"default {DATABASE}")
    add_engine(made)
    add_case_and_data(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.trial is None:  # one trains in this process
        start_importing(arguments)
    from tuner.verify.repeating import run_verification  # imports torch and Optuna

    sample = None if arguments.all else arguments.sample or SAMPLE
    return run_verification(arguments, sample)


if __name__ == "__main__":
    run(main)
