"""`python -m tuner.ablate STUDY`: measure which change made the difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.names import check_stored_study
from tuner.commands.options import (
    add_case_and_data,
    add_compute,
    add_workplace,
    compute_of,
    seconds,
    start_importing,
    stored_of,
    whole_number,
)
from tuner.commands.parsing import Parser
from tuner.runs.settings import AblationSettings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner ablate",
        description="Measure which change made the difference. Apply the changes to the baseline "
        "one at a time, the most helpful first; then leave each one out of the best. Trains on "
        "fresh seeds and folds of the development data; the test split stays closed. Run the same "
        "command again to continue where it stopped.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    made.add_argument(
        "--seeds",
        type=whole_number(1),
        default=5,
        metavar="K",
        help="rounds, each with its own seed and fold (default 5)",
    )
    made.add_argument(
        "--budget",
        type=seconds,
        metavar="TIME",
        help="start no new training after this time (90s, 10m, 1h30m), and report what was "
        "measured by then",
    )
    add_workplace(made)
    made.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the report (default: reports/STUDY in the storage folder)",
    )
    add_compute(made)
    add_case_and_data(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    check_stored_study(arguments)
    settings = AblationSettings(
        stored=stored_of(arguments),
        seeds=arguments.seeds,
        budget=arguments.budget,
        out=arguments.out,
        compute=compute_of(arguments),
    )
    start_importing(arguments)
    from tuner.commands.concluding import conclude_ablation
    from tuner.commands.watching import say_stopped, watched  # imports torch and Optuna
    from tuner.runs.ablation import run_ablation

    console, report = watched(run_ablation, settings)
    if report is None:
        return say_stopped(console)
    conclude_ablation(console, report)
    return 0
