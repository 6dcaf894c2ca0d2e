"""The report in plain words: no fragments, and a question above each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from tests.report.studies import (
    ablated,
    add_session,
    add_trial,
    erring,
    facts_of,
    make_study,
    usual_study,
)
from tuner.report.document import document, first_screen
from tuner.report.writing import CONFUSION, CURVES, HISTORY, IMPORTANCE, MISTAKES, WATERFALL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna

PICTURES = (WATERFALL, IMPORTANCE, HISTORY, CURVES, CONFUSION, MISTAKES)
CLIPPED = (
    "mend",
    "goes on",
    "go on ",
    "will not do",
    "could not be had",
    "is none",
    "is no number",
    "of ours",
    "had promised",
    "the arms of now",
    "leave chance out",
    "a draw is a half",
    "cannot tell;",
    "let end",
    "bought",
    "to go:",
)


def unfinished(folder: Path) -> optuna.Study:
    study = make_study(folder)
    add_trial(study, TrialState.PRUNED, 0.4, stop=2)
    study.enqueue_trial({"epochs": 3})
    return study


def unconfirmed(folder: Path) -> optuna.Study:
    study = make_study(folder)
    add_trial(study, value=0.6, arm="baseline")
    add_trial(study, value=0.9)
    add_session(study)
    return study


def whole(folder: Path) -> optuna.Study:
    study = usual_study(folder, trials=30)
    ablated(study)
    erring(study)
    return study


def regression(folder: Path) -> optuna.Study:
    target = {"mean": 3.0, "std": 100.0, "trivial_mae": 80.0}
    study = make_study(folder, task="regression", data={"target": target})
    add_trial(study, value=0.07, arm="baseline")
    return study


def written(study: optuna.Study, folder: Path) -> str:
    """Return the text with all captions but without the plots, which take most of the time."""
    return document(facts_of(study, folder), PICTURES)


@pytest.mark.slow
@pytest.mark.parametrize("make", [unfinished, unconfirmed, whole, regression, usual_study])
def test_no_phrase_is_clipped(tmp_path: Path, make: Callable[[Path], optuna.Study]) -> None:
    text = written(make(tmp_path), tmp_path)
    # The descriptions of the sampler and the pruner are stored text.
    told = [line for line in text.splitlines() if not line.startswith(("- Pruner:", "- Sampler:"))]
    found = [phrase for phrase in CLIPPED if phrase in "\n".join(told).lower()]
    assert not found
    assert all("%" not in word or word.startswith("%") for line in told for word in line.split())


def test_the_first_screen_is_for_a_reader_in_a_hurry(tmp_path: Path) -> None:
    text = written(whole(tmp_path), tmp_path)
    screen = first_screen(text)
    for wanted in ("**Better:", "**How sure:**", "**What changed:**", "tuner retrain"):
        assert wanted in screen
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert len(headings) >= 9
    assert all(heading.endswith("?") for heading in headings)
