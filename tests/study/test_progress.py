from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState
from rich.console import Console

from tests.making import make_engine
from tuner.study.coordinator import Coordinator
from tuner.study.mirror import Mirror
from tuner.study.opening import finished, open_study
from tuner.study.progress import Progress

if TYPE_CHECKING:
    import optuna

    from tuner.study.opening import Brief

TOTAL = 14


def watched_search(brief: Brief, url: str, total: int, terminal: bool) -> tuple[str, optuna.Study]:
    """What a search shows on a console."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=160, markup=False)
    study, brief = open_study(url, "study", brief)
    with Progress(study, brief.case, total, console) as progress:
        Coordinator(Mirror(study), brief, make_engine(1), progress).search(total)
    return screen.getvalue(), study


def test_on_a_pipe_there_is_one_plain_line_a_finished_trial(brief: Brief, url: str) -> None:
    shown, study = watched_search(brief, url, TOTAL, terminal=False)
    assert "\x1b" not in shown
    lines = shown.splitlines()
    assert len(lines) == TOTAL
    assert [line.split("]")[0] for line in lines] == [f"[{n}/{TOTAL}" for n in range(1, TOTAL + 1)]
    for line, trial in zip(lines, study.trials, strict=True):
        assert f"trial {trial.number}" in line
        if trial.state == TrialState.COMPLETE:
            assert f"accuracy {trial.value:.4f}" in line
        elif trial.state == TrialState.PRUNED:
            assert f"pruned at accuracy {trial.value:.4f}, epoch " in line
        else:
            assert "failed: MemoryError: no room for this model" in line
        assert re.search(r"\(\d+\.\d s\)$", line)
    assert "trial 0 (baseline): " in lines[0]
    assert "trial 1 (recipe): " in lines[1]
    assert {t.state for t in study.trials} == {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }, "every kind of line has been looked at"


def test_the_last_best_so_far_is_the_best(brief: Brief, url: str) -> None:
    shown, study = watched_search(brief, url, TOTAL, terminal=False)
    (*_, last) = (line for line in shown.splitlines() if "the best so far" in line)
    assert f"trial {study.best_trial.number}:" in last


def test_a_study_taken_up_again_goes_on_counting(brief: Brief, url: str) -> None:
    watched_search(brief, url, 2, terminal=False)
    shown, _ = watched_search(brief, url, 4, terminal=False)
    assert [line.split()[0] for line in shown.splitlines()] == ["[3/4]", "[4/4]"]


def test_a_terminal_shows_what_runs_and_how_the_search_stands(brief: Brief, url: str) -> None:
    shown, study = watched_search(brief, url, TOTAL, terminal=True)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    states = [trial.state for trial in study.trials]
    summary = (
        f"{TOTAL} of {TOTAL} trials · {states.count(TrialState.PRUNED)} pruned · "
        f"{states.count(TrialState.FAIL)} failed · best accuracy {study.best_value:.4f}, "
        f"baseline {study.trials[0].value:.4f} · about 0:00:00 left"
    )
    assert summary in plain
    assert "no score yet" in plain
    assert re.search(r"trial 0 +(starting|epoch \d)", plain)
    assert "\x1b[?25h" in shown.split("\x1b[?25l")[-1], "the cursor is shown again"


def test_the_terminal_is_given_back_when_the_search_breaks(brief: Brief, url: str) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    study, brief = open_study(url, "study", brief)
    with pytest.raises(KeyboardInterrupt), Progress(study, brief.case, 3, console):
        raise KeyboardInterrupt
    assert "\x1b[?25h" in screen.getvalue()
    assert finished(study) == 0
