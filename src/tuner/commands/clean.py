"""`tuner clean`: list what is no longer needed with its size, and remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.options import add_workplace, add_yes, whole_number, workplace_of
from tuner.commands.parsing import Parser
from tuner.study.glance import check_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner clean",
        description="List what can be removed from the storage folder: weights of confirmations "
        "that have been scored, cached data that no study uses, files of deleted studies, and "
        "leftovers of interrupted writes. Nothing is removed without --yes. Studies and "
        "their models are never touched.",
    )
    add_workplace(made)
    made.add_argument(
        "--older-than",
        type=whole_number(0),
        default=0,
        metavar="DAYS",
        help="only what has not changed for this many days (default 0: all)",
    )
    made.add_argument(
        "--what",
        action="append",
        default=[],
        metavar="NAME",
        help='only this one, named as in the column "what" of the list (can be repeated)',
    )
    add_yes(made, "remove what is listed")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    workplace = workplace_of(arguments)
    check_store(workplace.url)
    from tuner.commands.tables import console, show_table, size
    from tuner.runs.folder.cleaning import (  # imports Optuna
        MEANINGS,
        find_waste,
        is_shared,
        older_than,
        take_away,
    )

    screen = console()
    found = find_waste(workplace)
    if arguments.older_than:
        found = older_than(found, arguments.older_than)
    if arguments.what:
        for name in sorted({*arguments.what} - {one.what for one in found}):
            screen.print(f"{name!r} is not on the list of what can be removed.")
        found = [one for one in found if one.what in arguments.what]
    if is_shared(workplace):
        screen.print(
            f"Several databases may have files in {workplace.root}, so files without a study are "
            "not looked for there."
        )
    if not found:
        screen.print("There is nothing to remove.")
        return 0
    rows = [(size(one.bytes), one.what, MEANINGS[one.kind]) for one in found]
    show_table(screen, ("size", "what", "why it can be removed"), rows)
    total = size(sum(one.bytes for one in found))
    if not arguments.yes:
        screen.print(f"\n{total} in all. Nothing was removed. To remove it: add --yes.")
        return 0
    kept = take_away(workplace, found)
    freed = size(sum(one.bytes for one in found if one not in kept))
    screen.print(f"\nRemoved {freed}.")
    for one in kept:
        screen.print(f"Kept {one.what}: a command is working on it.")
    return 0
