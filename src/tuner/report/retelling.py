"""Translates an existing report into another language, from its facts and pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tuner import files
from tuner.language import ENGLISH, phrase, speaking
from tuner.report.captions import captioned
from tuner.report.document import document
from tuner.report.page import html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

MARKDOWN, PAGE, FACTS = "report.md", "report.html", "report.json"


def name_in(file: str, language: str) -> str:
    """Return the name of a report's file in a language other than English.

    >>> name_in("report.html", "zh")
    'report.zh.html'
    """
    stem, _, ending = file.rpartition(".")
    return f"{stem}.{language}.{ending}"


def told_in(
    language: str, facts: Mapping[str, Any], plots: Sequence[str], folder: Path
) -> tuple[str, str]:
    """Return the text of report.md and the page report.html in a language.

    Args:
        facts: as in report.json.
        plots: names of the English pictures in the folder; the page shows them translated, and the
            text those that `caption` has written.
    """
    with speaking(language):
        text = document(facts, plots)
        page = html(text, phrase("Study {study}", study=facts["study"]), folder)
    for name in plots:
        if language != ENGLISH and (folder / name_in(name, language)).exists():
            text = text.replace(f"]({name})", f"]({name_in(name, language)})")
    return text, page


def caption(folder: Path, plots: Sequence[str], language: str) -> None:
    """Write translated versions of the pictures in a folder.

    Earlier ones whose picture no longer exists are removed.

    Raises:
        OSError: the folder cannot be written.
    """
    for old in folder.glob(f"*.{language}.svg"):
        old.unlink()
    with speaking(language):
        for name in plots:
            told = captioned((folder / name).read_text(encoding="utf-8"))
            files.write_text(folder / name_in(name, language), told)


def retold(folder: Path, file: str, language: str) -> str | None:
    """Return a file of the report in a folder in another language, from the folder's files.

    Args:
        file: report.md or report.html; for others the result is None.

    Returns:
        None also if report.json is missing, or was written by a version with other facts: then only
        the original report can be shown.
    """
    if file not in (MARKDOWN, PAGE):
        return None
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        plots = [path.name for path in sorted(folder.glob("*.svg"))]
        text, page = told_in(language, facts, plots, folder)
    except (OSError, LookupError, TypeError, ValueError):
        return None
    return text if file == MARKDOWN else page
