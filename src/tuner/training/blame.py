"""Finds the line of a user's code that caused an error."""

from __future__ import annotations

import inspect
import re
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

MOST_LINES = 40  # of a traceback
OURS = str(Path(__file__).parents[1])
INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def blame(error: BaseException) -> str:
    r"""Return what was raised, in one line, with the line of the user's code if that raised it.

    >>> blame(ValueError("too\nlong"))
    'ValueError: too'
    """
    reason = ": ".join(filter(None, (type(error).__name__, first_line(error))))
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame[0])]
    if not lines:
        return reason
    return f"line {lines[-1].lineno} of {Path(lines[-1].filename).name}: {reason}"


def without_line(reason: str) -> str:
    """Return the result of `blame` without the line number, which moves when a file is edited."""
    return re.sub(r"\Aline \d+ of \S+: ", "", reason)


def trace_of(error: BaseException) -> str:
    """Return the traceback from the user's first line on; all of it if there is none.

    Files are named by their modules, without folders of this machine: the traceback is stored with
    the trial, and a study must be the same wherever it is made.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None and not is_users(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    whole = trace or error.__traceback__
    text = "".join(traceback.format_exception(type(error), error, whole, chain=False))
    lines = re.sub(r'(?m)^(\s+File )"([^"]+)"', _named, text).rstrip().split("\n")
    if len(lines) > MOST_LINES:
        lines[5 : len(lines) - MOST_LINES + 6] = ["  ..."]
    return "\n".join(lines)


def _named(file: re.Match[str]) -> str:
    """Return a line of a traceback with a short name of its file."""
    before, name = file.groups()
    if is_users(name):
        return f'{before}"{Path(name).name}"'
    folders = (str(Path(OURS).parent), *INSTALLED)
    shortest = min((name.removeprefix(f"{folder}/") for folder in folders), key=len)
    return f'{before}"{shortest}"'


def place_of(function: Callable[..., object]) -> str | None:
    """Return where a user's function is defined, in words; None if it is not the user's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or not is_users(code.co_filename):
        return None
    return f"line {code.co_firstlineno} of {Path(code.co_filename).name}"


def is_users(file: str) -> bool:
    """Whether a file belongs neither to tuner, nor to Python, nor to an installed package."""
    return not file.startswith((OURS, *INSTALLED, "<"))
