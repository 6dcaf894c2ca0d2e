"""`tuner list`: the studies of a store."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tuner.case.figures import score_text
from tuner.commands.options import add_json, add_workplace, workplace_of
from tuner.commands.parsing import Parser
from tuner.study.glance import check_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

HEADINGS = ("study", "case", "trials", "state", "best score", "verdict", "last run (UTC)")


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner list",
        description="List the studies of a store: case, finished trials, state, best score, the "
        "verdict of the best against the baseline, and when a command last worked on it. "
        "The score is the test score if the study was confirmed, else the validation "
        "score, which is optimistic.",
    )
    add_workplace(made)
    add_json(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    workplace = workplace_of(arguments)
    check_store(workplace.url)
    from tuner.commands.tables import console, show_table, write_json
    from tuner.runs.folder.inventory import studies_of  # imports Optuna

    entries = studies_of(workplace)
    if arguments.json:
        write_json([asdict(entry) for entry in entries])
        return 0
    screen = console()
    if not entries:
        screen.print("There are no studies of tuner yet. Begin one: tuner study housing")
        return 0
    rows = []
    for one in entries:
        score = None if one.best is None else f"{one.split} {one.metric} {score_text(one.best)}"
        when = one.when and one.when[:16].replace("T", " ")
        rows.append((one.name, one.case, one.trials, one.state, score, one.verdict, when))
    show_table(screen, HEADINGS, rows)
    return 0
