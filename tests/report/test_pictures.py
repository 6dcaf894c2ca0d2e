from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.report.studies import (
    ablated,
    add_trial,
    confirm,
    erring,
    facts_of,
    make_study,
    url_in,
    usual_study,
)
from tuner.report.charts.errors import draw_confusion
from tuner.report.charts.history import draw_history
from tuner.report.charts.look import INK
from tuner.report.charts.names import drawable
from tuner.report.facts.importances import importance_facts
from tuner.report.writing import write_report
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.pictures


def test_the_ring_is_at_the_score_of_the_best_itself(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for value, arm in ((0.6, "baseline"), (0.9, None), (0.8, None)):
        add_trial(study, value=value, arm=arm, dropout=value)
    confirm(study, baseline=[0.6] * 6, best=[0.8] * 6)
    stored = study.user_attrs["confirmation"]
    study.set_user_attr("confirmation", {**stored, "winner": 2})
    figure = draw_history(facts_of(study, tmp_path), study.get_trials())
    assert figure is not None
    texts = [one.get_text() for one in figure.axes[0].texts]
    assert "best, trial 2\n20%" in [text.replace(" %", "%") for text in texts]


@pytest.mark.slow  # starts processes
@pytest.mark.parametrize("backend", ["module://matplotlib_inline.missing", "nonsense"])
def test_pictures_do_not_ask_the_environment(backend: str) -> None:
    program = "import os, tuner.report.writing; print(os.environ['MPLBACKEND'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "MPLBACKEND": backend, "MPLCONFIGDIR": os.devnull},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.strip(), done.stderr) == (backend, "")


def test_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    erring(study)
    facts = facts_of(study, tmp_path)
    facts["mistakes"]["classes"] = ["$10-$20", "a_b^c"]
    figure = draw_confusion(facts)
    assert figure is not None
    labels = figure.axes[0].get_xticklabels()
    assert [label.get_text() for label in labels] == ["$10-$20", "a_b^c"]
    assert not any(label.get_parse_math() for label in labels)


def test_letters_that_no_font_has_become_numbers() -> None:
    assert drawable(["rose", "tulip\nred"]) == ["rose", "tulip red"]
    assert drawable(["rose", "\U0010fffd"]) == ["1", "2"]  # no font has a private letter


@pytest.mark.slow
def test_a_picture_is_dark_on_a_dark_page(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    write_report(study, Workplace.at(url=url_in(tmp_path)), tmp_path / "out")
    picture = (tmp_path / "out" / "history.svg").read_text("utf-8")
    assert "prefers-color-scheme: dark" in picture
    assert f'[style*="fill: {INK.lower()}"]' in picture


def test_what_is_below_the_noise_is_not_evidence() -> None:
    gamma = {"name": "gamma", "importance": 0.02, "interval": [0.0, 0.1], "beats": 1.0}
    epochs = {"name": "epochs", "importance": 0.4, "interval": [0.1, 0.5], "beats": 0.975}
    width = {"name": "width", "importance": 0.24, "interval": [0.1, 0.5], "beats": 1.0}
    shadow = {"importance": 0.02, "interval": [0.0, 0.12]}
    part = {"trials": 20, "hyperparameters": [epochs, width, gamma], "shadow": shadow}
    found = importance_facts({"trials": 20, "rung": 1, "final": part, "early": None})
    assert found is not None
    assert [one["evidence"] for one in found["final"]["hyperparameters"]] == [True, False, False]


def test_a_baseline_that_diverged_on_all_fresh_folds(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=12)
    ablated(study)
    stored = study.user_attrs["ablation"]
    scores = [[None, None], *stored["path_scores"][1:]]
    study.set_user_attr("ablation", {**stored, "path_scores": scores})
    report = write_report(study, Workplace.at(url=url_in(tmp_path)), tmp_path / "out")
    assert "so no share of the gain can be given" in report.read_text("utf-8")
