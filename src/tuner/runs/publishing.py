"""The report of a study, written and shown in the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.report.document import first_screen
from tuner.report.writing import write_report
from tuner.study.dashboard import publish_report

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from tuner.workplace import Workplace


def write_and_publish(study: optuna.Study, workplace: Workplace, out: Path) -> Path:
    """Write the report of a study into a folder, and make it a note and artifacts of the study.

    Returns:
        The path of report.md.

    Raises:
        UsageError: the folder cannot be written.
    """
    report = write_report(study, workplace, out)
    note = first_screen(report.read_text(encoding="utf-8"))
    publish_report(study, report, note, workplace.artifacts)
    return report
