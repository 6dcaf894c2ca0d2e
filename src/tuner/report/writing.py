"""Write the files of a report, each whole, the same bytes for the same store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner import files
from tuner.errors import UsageError
from tuner.report.charts.curves import draw_curves
from tuner.report.charts.errors import draw_confusion, draw_mistakes
from tuner.report.charts.history import draw_history
from tuner.report.charts.importances import draw_importance
from tuner.report.charts.look import save
from tuner.report.charts.waterfall import draw_waterfall
from tuner.report.document import document
from tuner.report.facts import gather
from tuner.report.page import html
from tuner.report.rows import trials_csv

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from tuner.workplace import Workplace

HISTORY, CURVES = "history.svg", "learning_curves.svg"
WATERFALL, IMPORTANCE = "ablation.svg", "importance.svg"
CONFUSION, MISTAKES = "confusion.svg", "mistakes.svg"


def write_report(study: optuna.Study, workplace: Workplace, out: Path) -> Path:
    """Write the report of a study into the folder `out`, and return the path of report.md.

    Args:
        workplace: of the study; commands in the report name it.

    Raises:
        StoreError: the study was not made by tuner.
        UsageError: the folder cannot be written.
    """
    facts = gather(study, workplace)
    trials = study.get_trials(deepcopy=False)
    plots = {
        WATERFALL: draw_waterfall(facts),
        IMPORTANCE: draw_importance(facts),
        HISTORY: draw_history(facts, trials),
        CURVES: draw_curves(facts, trials),
        CONFUSION: draw_confusion(facts),
        MISTAKES: draw_mistakes(facts),
    }
    report = out / "report.md"
    try:
        for name, figure in plots.items():
            if figure is None:
                (out / name).unlink(missing_ok=True)
            else:
                save(figure, out / name)
        files.write_text(out / "trials.csv", trials_csv(trials))
        files.write_json(out / "report.json", facts)
        shown = [name for name, figure in plots.items() if figure is not None]
        text = document(facts, shown)
        files.write_text(out / "report.html", html(text, f"Study {study.study_name}", out))
        files.write_text(report, text)
    except OSError as error:
        raise UsageError(
            f"the report cannot be written to {out}: {error.strerror or error}. Free the place or "
            "choose another: `tuner report --out DIR` writes the report of a finished study"
        ) from error
    return report
