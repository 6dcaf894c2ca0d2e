"""`tuner compare A B`: what differs between two studies and their bests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.options import add_json, add_workplace, workplace_of
from tuner.commands.parsing import Parser
from tuner.study.glance import check_study

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner compare",
        description="Show what differs between two studies: their inputs, the hyperparameters of "
        "their bests, and their scores; and whether these scores can be compared.",
    )
    made.add_argument("first", metavar="A", help="name of a study")
    made.add_argument("second", metavar="B", help="name of another one")
    add_workplace(made)
    add_json(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    workplace, names = workplace_of(arguments), (arguments.first, arguments.second)
    for name in names:
        check_study(workplace.url, name)
    from tuner.commands.tables import console, setting, show_table, summary_text, write_json
    from tuner.runs.contrast import contrast  # imports Optuna

    found = contrast(workplace, *names)
    if arguments.json:
        write_json(found)
        return 0
    screen = console()
    can = "can be compared" if found["comparable"] else "cannot be compared"
    screen.print(f"The scores of {names[0]!r} and {names[1]!r} {can}. {' '.join(found['reasons'])}")
    for title, differing in (
        ("Inputs that differ", found["inputs"]),
        ("Hyperparameters of their bests that differ", found["hyperparameters"]),
    ):
        screen.print(f"\n{title}:" if differing else f"\n{title}: none")
        if differing:
            rows = [(name, *map(setting, values)) for name, values in differing.items()]
            show_table(screen, ("", *names), rows)
    one, other = found["scores"]
    rows = [("best", f"trial {one['trial']}", f"trial {other['trial']}")]
    rows.append(("validation", *(summary_text(s["validation"]) for s in (one, other))))
    for metric in dict.fromkeys((*one["test"], *other["test"])):
        values = (summary_text(s["test"].get(metric)) for s in (one, other))
        rows.append((f"test {metric}", *values))
    rows.append(("against its baseline", one["verdict"], other["verdict"]))
    screen.print("\nScores, mean ± standard deviation:")
    show_table(screen, ("", *names), rows)
    return 0
