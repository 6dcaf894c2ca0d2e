"""`tuner placebo STUDY`: what a study's search finds where there is nothing to find."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

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
from tuner.runs.settings import PlaceboSettings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner placebo",
        description="Repeat a study's search on shuffled targets, where there is nothing to find, "
        "as a separate study, STUDY-placebo. What it finds there is luck, so it shows how "
        "much of a search score is luck. The test split stays closed. Run the same "
        "command again to continue where it stopped.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    made.add_argument(
        "--trials",
        type=whole_number(1),
        metavar="N",
        help="number of finished trials in the end (default: as many as the study has)",
    )
    add_workplace(made)
    add_compute(made)
    add_case_and_data(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = parser().parse_args(given)
    check_stored_study(arguments)
    settings = PlaceboSettings(
        stored=stored_of(arguments),
        command=shlex.join(["tuner", "placebo", *given]),
        trials=arguments.trials,
        compute=compute_of(arguments),
    )
    start_importing(arguments)
    from tuner.commands.watching import say_stopped, watched  # imports torch and Optuna
    from tuner.report.sections.placebo import placebo_in_words
    from tuner.runs.placebo import run_placebo

    console, report = watched(run_placebo, settings)
    if report is None:
        return say_stopped(console)
    facts = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    console.print(f"\n{placebo_in_words(facts).replace('**', '')}\nReport: {report}")
    return 0
