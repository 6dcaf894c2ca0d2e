"""Names of studies as names of folders and as words of a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tuner.errors import UsageError
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Mapping

FOR_STUDY = "Choose another name with --name"
FOR_FOLDER = "Choose the folder with --out"  # for a report or a model of an existing study
LONGEST = 200  # bytes; file systems allow 255, and names of temporary files are longer


def folder_name(study: str, remedy: str = FOR_STUDY) -> str:
    """Return the study's name after a check that it is a valid name of a folder.

    Args:
        remedy: what to do, for the message of the command.

    Raises:
        UsageError: it is empty, too long, hidden, or could lead out of its folder.

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
    """Return the default name of a study: that of its data, followed by the fixed values.

    >>> default_name("flowers", {"depth": 3, "batch_norm": True})
    'flowers-batch_norm-True-depth-3'
    """
    parts = [data, *(f"{name}-{value}" for name, value in sorted(fixed.items()))]
    return re.sub(r"[/\\\s]", "_", "-".join(parts))


def option_words(option: str, value: object) -> list[str]:
    """Return an option with its value as words of a command line.

    argparse takes a word that begins with a dash for an option unless it follows an `=`.

    >>> option_words("--target", "price"), option_words("--target", "-price")
    (['--target', 'price'], ['--target=-price'])
    """
    text = str(value)
    return [f"{option}={text}"] if text.startswith("-") else [option, text]


def last_words(value: str) -> list[str]:
    """Return a positional argument as the last words of a command line.

    >>> last_words("houses"), last_words("-houses")
    (['houses'], ['--', '-houses'])
    """
    return ["--", value] if value.startswith("-") else [value]


def in_one_form(command: str | None) -> str | None:
    """Return a command in its present form; earlier versions stored it as a Python module.

    >>> in_one_form("python -m tuner.study mnist --trials 50")
    'tuner study mnist --trials 50'
    """
    return command and re.sub(r"^python -m tuner\.(\w+)", r"tuner \1", command)


def _wrong(name: str) -> str:
    """Return why `name` cannot be the name of a folder; empty if it can."""
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
