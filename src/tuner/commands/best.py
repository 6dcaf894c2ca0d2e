"""`tuner best STUDY`: the best hyperparameters, their score, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.names import check_stored_study
from tuner.commands.options import add_json, add_workplace, workplace_of
from tuner.commands.parsing import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner best",
        description="Show the best hyperparameters of a study beside the baseline's, their scores, "
        "and the verdict.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    add_workplace(made)
    add_json(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    check_stored_study(arguments)
    from tuner.commands.tables import console, show_table, summary_text, value_text, write_json
    from tuner.runs.folder.inventory import best_of  # imports Optuna

    best = best_of(workplace_of(arguments), arguments.study)
    if arguments.json:
        write_json(best)
        return 0
    screen = console()
    screen.print(best["sentence"])
    mark = ", a guess, tried before the search" if best["is_guess"] else ""
    screen.print(f"\nBest of study {best['study']!r}: trial {best['trial']}{mark}")
    was = best["baseline"] or {}
    rows = [
        (
            name,
            value_text(value),
            value_text(was[name]) if name in was else None,
            "changed" if name in best["changed"] else "",
        )
        for name, value in best["hyperparameters"].items()
    ]
    show_table(screen, ("hyperparameter", "best", "baseline", ""), rows)
    screen.print("")
    scores = [(f"validation {best['metric']}", summary_text(best["validation"]))]
    scores += [(f"test {metric}", summary_text(one)) for metric, one in best["test"].items()]
    show_table(screen, ("score", "mean ± standard deviation"), scores)
    return 0
