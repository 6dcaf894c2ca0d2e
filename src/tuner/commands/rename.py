"""`tuner rename STUDY NEW`: another name for a study and all that belongs to it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tuner.commands.names import check_stored_study
from tuner.commands.options import add_workplace, workplace_of
from tuner.commands.parsing import Parser
from tuner.naming import folder_name, option_words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner rename",
        description="Give a study another name. Its report, bundles and weights get the new name "
        "too, and the report is written again. To continue the study afterwards, add "
        "--name NEW to its command.",
    )
    made.add_argument("study", metavar="STUDY", help="name of the study")
    made.add_argument("new", metavar="NEW", help="its new name")
    add_workplace(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    folder_name(arguments.new, "Choose another new name")
    check_stored_study(arguments)
    from tuner.commands.tables import console
    from tuner.runs.folder.renaming import rename_study  # imports Optuna

    rename_study(workplace_of(arguments), arguments.study, arguments.new)
    console().print(
        f"Study {arguments.study!r} is now {arguments.new!r}. To continue it, add "
        f"{shlex.join(option_words('--name', arguments.new))} to its command."
    )
    return 0
