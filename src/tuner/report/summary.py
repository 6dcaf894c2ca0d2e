"""A summary of a study as HTML for a notebook: the verdict, the scores, the curves."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.report.charts.curves import draw_curves
from tuner.report.charts.history import draw_history
from tuner.report.charts.look import save
from tuner.report.page import fragment
from tuner.report.sections.scores import scores_table
from tuner.report.sections.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

PICTURES = {
    "history.svg": ("The search, trial by trial", draw_history),
    "learning_curves.svg": ("Learning curves of the arms", draw_curves),
}
STYLE = "max-width: 100%; height: auto;"


def summary(facts: dict[str, Any], trials: Sequence[FrozenTrial]) -> str:
    """Return the HTML; all of its content comes from the study and is escaped.

    Args:
        facts: of the study's report.
        trials: of the study.
    """
    name = escape(str(facts["study"]))
    counted = facts["trials"]
    lines = [
        f"<p>Study <code>{name}</code>: {counted['total']} trials, {counted['pruned']} of them "
        f"pruned, {counted['failed']} failed.</p>"
    ]
    if "best" in facts["arms"]:
        lines = [fragment(f"**{verdict(facts)}**"), *lines, fragment(scores_table(facts))]
    with tempfile.TemporaryDirectory(prefix="tuner-") as folder:
        for file, (title, draw) in PICTURES.items():
            figure = draw(facts, trials)
            if figure is not None:
                save(figure, Path(folder) / file)
                picture = fragment(f"![{title}]({file})", Path(folder))
                lines.append(picture.replace("<img ", f'<img style="{STYLE}" '))
    return f'<div class="tuner-study">{"".join(lines)}</div>'
