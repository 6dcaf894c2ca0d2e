"""`tuner verify STUDY`: trains finished trials again, and compares them exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.ending import INTERRUPTED
from tuner.commands.names import check_stored_study
from tuner.commands.options import (
    add_case_and_data,
    add_compute,
    add_workplace,
    compute_of,
    start_importing,
    stored_of,
    whole_number,
)
from tuner.commands.parsing import Parser
from tuner.runs.settings import VerificationSettings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

SAMPLE = 3


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner verify",
        description="Train finished trials of a study again, and compare every point and value "
        "with what is stored, bit for bit. Exit status 0: all are the same; 1: one is not, or is "
        "missing (--all). It does not repeat the trainings after the search. Writes nothing.",
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
    add_workplace(made)
    add_compute(made)
    add_case_and_data(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    check_stored_study(arguments)
    settings = VerificationSettings(
        stored=stored_of(arguments),
        trial=arguments.trial,
        sample=None if arguments.all else arguments.sample or SAMPLE,
        compute=compute_of(arguments),
    )
    if arguments.trial is None:  # a single trial trains in this process
        start_importing(arguments)
    from tuner.commands.watching import watched  # imports torch and Optuna
    from tuner.runs.verification import run_verification

    console, same = watched(run_verification, settings)
    if same is None:
        console.print("\nStopped before all were compared.")
        return INTERRUPTED
    return 0 if same else 1
