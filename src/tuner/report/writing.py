"""Writes the files of a report, each completely, with the same bytes for the same store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner import files
from tuner.errors import UsageError
from tuner.language import ENGLISH, speaking
from tuner.report.charts.curves import draw_curves
from tuner.report.charts.errors import draw_confusion, draw_mistakes
from tuner.report.charts.history import draw_history
from tuner.report.charts.importances import draw_importance
from tuner.report.charts.look import save
from tuner.report.charts.waterfall import draw_waterfall
from tuner.report.facts import gather
from tuner.report.retelling import FACTS, MARKDOWN, PAGE, caption, name_in, told_in
from tuner.report.rows import trials_csv

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from tuner.workplace import Workplace

HISTORY, CURVES = "history.svg", "learning_curves.svg"
WATERFALL, IMPORTANCE = "ablation.svg", "importance.svg"
CONFUSION, MISTAKES = "confusion.svg", "mistakes.svg"


def write_report(
    study: optuna.Study, workplace: Workplace, out: Path, language: str = ENGLISH
) -> Path:
    """Write the report of a study into the folder `out`, and return the path of report.md.

    In another language, the files are written a second time, beside the English ones: report.zh.md,
    whose path is then returned, its pictures (history.zh.svg and others), and report.zh.html.

    Args:
        workplace: of the study; commands in the report name it.
        language: one of `language.languages`.

    Raises:
        StoreError: the study was not made by tuner.
        UsageError: the folder cannot be written.
    """
    facts = gather(study, workplace)
    trials = study.get_trials(deepcopy=False)
    with speaking(ENGLISH):  # pictures are drawn in English and translated afterwards
        plots = {
            WATERFALL: draw_waterfall(facts),
            IMPORTANCE: draw_importance(facts),
            HISTORY: draw_history(facts, trials),
            CURVES: draw_curves(facts, trials),
            CONFUSION: draw_confusion(facts),
            MISTAKES: draw_mistakes(facts),
        }
    try:
        for name, figure in plots.items():
            if figure is None:
                (out / name).unlink(missing_ok=True)
            else:
                save(figure, out / name)
        files.write_text(out / "trials.csv", trials_csv(trials))
        files.write_json(out / FACTS, facts)
        shown = [name for name, figure in plots.items() if figure is not None]
        for one in dict.fromkeys((ENGLISH, language)):
            if one != ENGLISH:
                caption(out, shown, one)
            text, page = told_in(one, facts, shown, out)
            names = [name if one == ENGLISH else name_in(name, one) for name in (PAGE, MARKDOWN)]
            files.write_text(out / names[0], page)
            files.write_text(out / names[1], text)
    except OSError as error:
        raise UsageError(
            f"the report cannot be written to {out}: {error.strerror or error}. Free the place or "
            "choose another: `tuner report --out DIR` writes the report of a finished study"
        ) from error
    return out / names[1]
