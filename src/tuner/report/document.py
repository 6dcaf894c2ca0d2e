"""Writes report.md: the first screen, then sections that each answer a reader's question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.sections.better import better_section
from tuner.report.sections.changes import changes_section
from tuner.report.sections.data import data_section
from tuner.report.sections.enough import enough_section
from tuner.report.sections.errors import errors_section
from tuner.report.sections.first import first
from tuner.report.sections.mattered import mattered_section
from tuner.report.sections.next_steps import next_section
from tuner.report.sections.repeat import repeat_section
from tuner.report.sections.rivals import rivals_section
from tuner.report.sections.use import use_section
from tuner.report.sections.wrong import wrong_section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def document(facts: Mapping[str, Any], plots: Sequence[str]) -> str:
    """Return the text of report.md.

    Everything before the first second-level heading is meant for a terminal.

    Args:
        plots: names of the picture files beside it.
    """

    def picture(name: str) -> str | None:
        return name if name in plots else None

    parts = [
        first(facts),
        better_section(facts),
        rivals_section(facts),
        use_section(facts),
        wrong_section(facts),
        changes_section(facts, picture("ablation.svg")),
        mattered_section(facts, picture("importance.svg")),
        errors_section(facts, plots),
        enough_section(facts, plots),
        next_section(facts),
        data_section(facts),
        repeat_section(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def first_screen(text: str) -> str:
    """Return the first screen of a report: everything before the first heading with a question.

    Args:
        text: of report.md.
    """
    return text.split("\n\n## ", maxsplit=1)[0].rstrip()
