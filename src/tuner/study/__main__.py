"""`python -m tuner.study CASE`: search, compare on fresh seeds, report."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case import case_names
from tuner.cli import DATABASE, MOST_SECONDS, add_engine, run, start_importing, whole_number
from tuner.seeds import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; it imports nothing that is slow to import."""
    made = argparse.ArgumentParser(
        prog="tuner study",
        description="Search a case's hyperparameters with Optuna, train baseline, recipe and the "
        "best few again on fresh seeds and folds, open the test split once, and write a report. "
        "The same command again goes on where it stopped.",
        epilog=f"cases: {', '.join(case_names())}, or the path of a case file of your own",
    )
    made.add_argument("case", metavar="CASE", help="name of a case, or path of a case file (.py)")
    made.add_argument(
        "--trials",
        type=whole_number(1, auto=True),
        default=50,
        metavar="N",
        help="finished trials that the study ends with, earlier runs included (default 50); auto: "
        "30 to 100, until the last half has gained less than the noise of a score",
    )
    made.add_argument("--name", help="name of the study (default: name of its data)")
    made.add_argument("--storage", metavar="URL", default=DATABASE, help=f"default {DATABASE}")
    made.add_argument(
        "--seed", type=whole_number(0, LARGEST), default=0, help="of the study (default 0)"
    )
    made.add_argument(
        "--seeds",
        type=whole_number(0),
        default=6,
        help="fresh seeds to confirm on; from 6 on, up to 4 times as many while the gain is not "
        "plain; 0: confirm nothing, keep the test closed (default 6)",
    )
    add_engine(made)
    made.add_argument(
        "--timeout",
        type=whole_number(1, MOST_SECONDS),
        metavar="SECONDS",
        help="end the search after this time, and report on what there is",
    )
    made.add_argument(
        "--order",
        choices=("work", "arrival"),
        default="work",
        help="in which points of trials that run at once are taken: by the work they have done, "
        "so that the study can be repeated bit for bit (default); or as they arrive, which keeps "
        "many workers busier and cannot be repeated",
    )
    made.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of a new study's convolutions and matrix products (default: what is measured to be "
        "faster here; bfloat16 only for classes of images, and where the processor computes in it)",
    )
    made.add_argument("--data-dir", type=Path, metavar="DIR", help="folder that holds the raw data")
    made.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="do not search this hyperparameter (again for another); baseline and recipe stay",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    start_importing(arguments)
    from tuner.session import run_study  # imports torch and Optuna

    given = sys.argv[1:] if argv is None else list(argv)
    return run_study(arguments, command=shlex.join(["python", "-m", "tuner.study", *given]))


if __name__ == "__main__":
    run(main)
