"""The steps of a run that are the same for studies of cases and of loops, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.engines.forking import pool
from tuner.evidence.trials.importance import explain
from tuner.machine import usable_cores
from tuner.runs.observer import Stage, telling
from tuner.runs.publishing import write_and_publish
from tuner.runs.quiet import quieten_optuna
from tuner.study.titles import name_for_dashboard

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from tuner.runs.observer import Observer
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class StudyRun:
    """How a run of a study ended.

    Attributes:
        study: its name.
        report: path of report.md; None: its observer stopped the run before its end.
    """

    study: str
    report: Path | None


def measure_importance(study: optuna.Study, slots: int, observer: Observer) -> None:
    """Measure which hyperparameters mattered in the search, and store it.

    Args:
        slots: fits that run at once; the measurement uses as many processes.
    """
    observer.tell(Stage("measuring which hyperparameters mattered"))
    with pool(min(slots, usable_cores()), quieten_optuna) as processes:
        explain(study, telling(observer), processes)


def report_on(study: optuna.Study, workplace: Workplace, observer: Observer) -> Path:
    """Write the report to its usual place, and show it in the dashboard; return report.md.

    Raises:
        UsageError: the folder cannot be written.
    """
    observer.tell(Stage("writing the report"))
    report = write_and_publish(
        study, workplace, workplace.report(study.study_name), telling(observer)
    )
    name_for_dashboard(study)
    return report
