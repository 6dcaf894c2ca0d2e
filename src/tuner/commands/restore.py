"""`tuner restore FILE`: unpack a backup made by `tuner backup`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.options import add_workplace, workplace_of
from tuner.commands.parsing import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner restore",
        description="Restore a backup of `tuner backup` into a storage folder that has no studies. "
        "Everything is checked first, and nothing is ever overwritten.",
    )
    made.add_argument("file", metavar="FILE", type=Path, help="a backup")
    add_workplace(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    from tuner.runs.folder.restore import restore  # imports Optuna

    workplace = workplace_of(arguments)
    trials = restore(workplace, arguments.file)
    for name, count in trials.items():
        sys.stdout.write(f"{name}: {count} trials\n")
    sys.stdout.write(f"Restored into {workplace.root}\n")
    return 0
