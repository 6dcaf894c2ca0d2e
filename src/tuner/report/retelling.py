"""A report that is there, told in another language: its words anew, from its facts and pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tuner.language import phrase, speaking
from tuner.report.document import document
from tuner.report.page import html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

MARKDOWN, PAGE, FACTS = "report.md", "report.html", "report.json"


def name_in(file: str, language: str) -> str:
    """Return the name of a file of a report in a language other than English.

    >>> name_in("report.html", "zh")
    'report.zh.html'
    """
    stem, _, ending = file.rpartition(".")
    return f"{stem}.{language}.{ending}"


def told_in(
    language: str, facts: Mapping[str, Any], plots: Sequence[str], folder: Path
) -> tuple[str, str]:
    """Return the text of report.md and the page report.html, in a language.

    Args:
        facts: as report.json has them.
        plots: names of the pictures in the folder; their own words are English.
    """
    with speaking(language):
        text = document(facts, plots)
        return text, html(text, phrase("Study {study}", study=facts["study"]), folder)


def retold(folder: Path, file: str, language: str) -> str | None:
    """Return a file of the report in a folder in another language, from what lies there.

    Args:
        file: report.md or report.html; None is returned for others.

    Returns:
        None also where report.json is missing, or was written by a version whose facts are others:
        then the report is there as it was written.
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
