"""`tuner check FILE.py:FUNCTION`: try a training loop of one's own for a minute."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.outline import contents_of
from tuner.case.reference import is_file, is_loop
from tuner.commands.options import MOST_SECONDS, whole_number
from tuner.commands.parsing import Parser
from tuner.errors import UsageError
from tuner.naming import last_words
from tuner.own.loops.file import read_loop

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

USUAL = ("train", "objective")


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner check",
        description="Call your own training loop a few times, and say what was found: whether it "
        "repeats, whether the seed matters, what a call costs, and what it leaves "
        "behind. Exit status 0: nothing to do; 1: there is something to look at. Stores "
        "nothing.",
    )
    made.add_argument(
        "loop",
        metavar="FILE.py[:FUNCTION]",
        help="the loop; without a function, the one named train or objective",
    )
    made.add_argument(
        "--seconds",
        type=whole_number(1, MOST_SECONDS),
        default=60,
        metavar="N",
        help="the most time that this takes (default 60)",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    loop = _loop(arguments.loop)
    from tuner.engines.forking import start_importing

    start_importing()
    from tuner.runs.checking import check_loop  # imports torch and Optuna

    findings = check_loop(loop, arguments.seconds)
    for one in findings:
        sys.stdout.write(f"{'      ' if one.good else 'look: '}{one.text}\n")
    return 0 if all(one.good for one in findings) else 1


def _loop(typed: str) -> str:
    """Return the loop that was typed, with its function.

    Raises:
        UsageError: it is not a loop, or the file has no function of a usual name.
        CaseError: the file is missing or is not Python.
    """
    if is_loop(typed):
        read_loop(typed)
        return typed
    if is_file(typed):
        found = contents_of(Path(typed))
        for function in sorted(USUAL, key=lambda name: name not in found.loops):
            with suppress(UsageError):
                read_loop(f"{typed}:{function}")
                return f"{typed}:{function}"
        if found.may_have_case:
            command = shlex.join(["tuner", "study", "--trials", "3", *last_words(typed)])
            raise UsageError(
                f"{typed} has a case, not a loop. A study tries a case out before it trains; type: "
                f"{command}"
            )
        if found.loops:
            command = shlex.join(["tuner", "check", *last_words(f"{typed}:{found.loops[0]}")])
            raise UsageError(f"{typed} has no function {' or '.join(USUAL)}; type: {command}")
    raise UsageError(
        f"{typed} does not name a loop; name a file and a function: train.py:train (without a "
        f"function it has to be named {' or '.join(USUAL)})"
    )
