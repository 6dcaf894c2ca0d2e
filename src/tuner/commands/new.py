"""`tuner new FILE`: a commented file to begin with, which runs as it is."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner import files
from tuner.commands.parsing import Parser
from tuner.errors import UsageError
from tuner.naming import folder_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

KINDS = {
    "model": "a model of your own, for tuner's trainer (default)",
    "table": "a network for a table in a CSV file",
    "images": "a network for pictures in a folder for each class",
    "loop": "a training loop of your own, as a plain Optuna objective",
}
NAME = 'NAME = "template"'  # in a template


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner new",
        description="Write a commented file to start from. It runs as it is, on generated data; "
        "the parts to replace are marked with HERE.",
    )
    made.add_argument("file", metavar="FILE", type=Path, help="the file to write: mine.py")
    kinds = made.add_mutually_exclusive_group()
    for kind, what in KINDS.items():
        kinds.add_argument(
            f"--{kind}", dest="kind", action="store_const", const=kind, default="model", help=what
        )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    file: Path = arguments.file
    if file.suffix != ".py":
        raise UsageError(f"{file} has to end with .py, as it is a Python file")
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file} is already there, and is not replaced; name a new file")
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}; make it, or name another")
    name = folder_name(file.stem)
    text = (Path(__file__).with_name("templates") / f"{arguments.kind}.py").read_text("utf-8")
    shown = shlex.quote(str(file))
    text = text.replace(NAME, f"NAME = {json.dumps(name, ensure_ascii=False)}")
    if not {'"', "\\"} & set(shown):  # they would mean something in the docstring
        for before in ("study", "python"):
            text = text.replace(f"{before} FILE", f"{before} {shown}")
    files.write_text(file, text)
    what = f"{shown}:objective" if arguments.kind == "loop" else shown
    sys.stdout.write(f"Wrote {file}. It runs as it is:\n  tuner study {what} --trials 10\n")
    return 0
