"""Writes the report of a study, and shows it in the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.depot.use import files_in_use
from tuner.errors import DepotError
from tuner.report.document import first_screen
from tuner.report.writing import write_report
from tuner.study.dashboard import publish_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna

    from tuner.workplace import Workplace


def write_and_publish(
    study: optuna.Study,
    workplace: Workplace,
    out: Path,
    tell: Callable[[str], object] = lambda _text: None,
) -> Path:
    """Write a study's report into a folder, and attach it to the study for the dashboard.

    Args:
        out: the folder.
        tell: is called with one line if the files could not be copied to the dashboard; the report
            is still complete.

    Returns:
        The path of report.md.

    Raises:
        UsageError: the folder cannot be written.
    """
    report = write_report(study, workplace, out)
    note = first_screen(report.read_text(encoding="utf-8"))
    try:
        with files_in_use(workplace.root):
            publish_report(study, report, note, workplace.depot)
    except DepotError as error:
        tell(f"The report is complete. The dashboard does not show it: {error}.")
    return report
