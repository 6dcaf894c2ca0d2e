"""`tuner delete STUDY`: delete a study and everything that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.names import check_stored_study
from tuner.commands.options import add_workplace, add_yes, workplace_of
from tuner.commands.parsing import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner delete",
        description="Delete a study with everything that belongs to it: its trials, the trainings "
        "after the search, its placebo, its report, its bundles, its weights, and its "
        "files for the dashboard. It cannot be undone. Cached data stays, as other "
        "studies may use it: see tuner clean.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    add_workplace(made)
    add_yes(made, "delete without asking")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    check_stored_study(arguments)
    from tuner.commands.tables import agrees, console, size
    from tuner.runs.folder.deletion import delete_study, plan_deletion  # imports Optuna
    from tuner.runs.quiet import quieten_optuna

    quieten_optuna()
    workplace, screen = workplace_of(arguments), console()
    planned = plan_deletion(workplace, arguments.study)
    screen.print(
        f"Study {planned.study!r}: {planned.trials} trials, {planned.trainings} trainings after "
        f"the search, {len(planned.paths)} files and folders ({size(planned.bytes)})."
    )
    for path in planned.paths:
        screen.print(f"  {path}")
    if not (arguments.yes or agrees("Delete all of it?")):
        screen.print("Nothing was deleted. To delete it without being asked, add --yes.")
        return 2
    delete_study(workplace, arguments.study)
    screen.print("Deleted.")
    return 0
