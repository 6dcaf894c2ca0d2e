"""`tuner backup FILE`: copy the storage folder, also while it is in use."""

from __future__ import annotations

import shlex
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
        prog="tuner backup",
        description="Copy all studies into one file: the database, and the artifacts, bundles, "
        "reports and confirmation models that belong to it, wherever they are kept. "
        "Studies may be running. Raw data and caches are not copied. To restore it: "
        "tuner restore FILE",
    )
    made.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="the file to write (.zip); an existing backup is replaced",
    )
    add_workplace(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    from tuner.runs.folder.backup import back_up  # imports Optuna

    made = back_up(workplace_of(arguments), arguments.file)
    for path in made.left_out:
        sys.stderr.write(
            "tuner: left out, because it is a link or damaged, or has a name that cannot be "
            f"restored: {path}\n"
        )
    studies = ", ".join(f"{name} ({trials} trials)" for name, trials in made.trials.items())
    sys.stdout.write(
        f"{made.path}: {studies or 'no study yet'}; {made.files} files, "
        f"{made.path.stat().st_size / 1e6:,.1f} MB. To restore it:\n  tuner restore "
        f"{shlex.quote(str(made.path))} --home DIR\n"
    )
    return 0
