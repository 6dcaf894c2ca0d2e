"""Names of studies as names of folders, and as words of the commands that a person types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tuner.errors import UsageError
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Mapping

FOR_STUDY = "Choose another name with --name"
FOR_FOLDER = "Choose the folder with --out"  # for a report or a model of a study that is there
LONGEST = 200  # bytes; file systems allow 255, and temporary files beside add a few


def folder_name(study: str, remedy: str = FOR_STUDY) -> str:
    """Return the study's name, once it is known to name one plain folder and nothing else.

    Args:
        remedy: what to do, in the command that was typed.

    Raises:
        UsageError: it is empty, too long, hidden, or could lead out of the folder it is put in.

    >>> folder_name("flowers, second try")
    'flowers, second try'
    """
    wrong = _wrong(study)
    if wrong:
        raise UsageError(
            said(
                "the study name {study!r} {wrong}, so no folder can have this name. {remedy}",
                study=study,
                wrong=wrong,
                remedy=remedy,
            )
        )
    return study


def default_name(data: str, fixed: Mapping[str, Any]) -> str:
    """Return the name of a study that was given none: that of its data, and of what is fixed.

    >>> default_name("flowers", {"depth": 3, "batch_norm": True})
    'flowers-batch_norm-True-depth-3'
    """
    parts = [data, *(f"{name}-{value}" for name, value in sorted(fixed.items()))]
    return re.sub(r"[/\\\s]", "_", "-".join(parts))


def option_words(option: str, value: object) -> list[str]:
    """Return an option with its value as words of a command line.

    A word that begins with a dash is an option to argparse, unless it stands behind an `=`.

    >>> option_words("--target", "price"), option_words("--target", "-price")
    (['--target', 'price'], ['--target=-price'])
    """
    text = str(value)
    return [f"{option}={text}"] if text.startswith("-") else [option, text]


def last_words(value: str) -> list[str]:
    """Return what is given without an option as the last words of a command line.

    >>> last_words("houses"), last_words("-houses")
    (['houses'], ['--', '-houses'])
    """
    return ["--", value] if value.startswith("-") else [value]


def in_one_form(command: str | None) -> str | None:
    """Return a command as all messages have it; earlier versions kept it as a module of Python's.

    >>> in_one_form("python -m tuner.study mnist --trials 50")
    'tuner study mnist --trials 50'
    """
    return command and re.sub(r"^python -m tuner\.(\w+)", r"tuner \1", command)


def _wrong(name: str) -> str:
    """Say what keeps `name` from being a folder's name; empty when nothing does."""
    if not name:
        return said("is empty")
    if any(sign in "/\\" for sign in name):
        return said("has a slash")
    if not all(sign.isprintable() for sign in name):
        return said("has a character that cannot be printed")
    if name != name.strip():
        return said("begins or ends with a space")
    if name.startswith("."):
        return said("begins with a dot")
    if len(name.encode()) > LONGEST:
        return said("is longer than {longest} bytes", longest=LONGEST)
    return ""
