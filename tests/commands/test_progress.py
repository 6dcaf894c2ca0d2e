from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState, create_trial
from rich.console import Console

from tests.making import HERE, make_engine, open_as_command
from tuner.commands.progress import Progress
from tuner.commands.watching import ConsoleObserver, say_stopped
from tuner.runs.observer import Message, Opened
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.study.schema import LOST
from tuner.study.trials import finished

if TYPE_CHECKING:
    import optuna

    from tuner.study.configuration import StudyConfig

TOTAL = 14
STOPPED = "Stopped. Finished work is kept. Run the same command again to continue."


def watched_search(
    config: StudyConfig, url: str, total: int, terminal: bool
) -> tuple[str, optuna.Study]:
    """Return the console output of a search."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=160, markup=False)
    study, config = open_as_command(url, "study", config)
    progress = Progress(study, config.case.metric.name, total, console)
    progress.start()
    Coordinator(Mirror(study), config, make_engine(1), progress).search(total)
    progress.stop()
    return screen.getvalue(), study


def test_on_a_pipe_there_is_one_plain_line_a_finished_trial(config: StudyConfig, url: str) -> None:
    shown, study = watched_search(config, url, TOTAL, terminal=False)
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
            assert re.search(r"failed: line \d+ of tiny.py: MemoryError: no room for this", line)
        assert re.search(r"\(\d+\.\d s\)$", line)
    assert "trial 0 (baseline): " in lines[0]
    assert "trial 1 (recipe): " in lines[1]
    assert {t.state for t in study.trials} == {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }, "every kind of line has been looked at"


@pytest.mark.slow
def test_the_last_best_so_far_is_the_best(config: StudyConfig, url: str) -> None:
    shown, study = watched_search(config, url, TOTAL, terminal=False)
    (*_, last) = (line for line in shown.splitlines() if "the best so far" in line)
    assert f"trial {study.best_trial.number}:" in last


def test_a_study_taken_up_again_counts_on(config: StudyConfig, url: str) -> None:
    watched_search(config, url, 2, terminal=False)
    shown, _ = watched_search(config, url, 4, terminal=False)
    assert [line.split()[0] for line in shown.splitlines()] == ["[3/4]", "[4/4]"]


def test_a_trial_that_the_machine_lost_is_not_counted(config: StudyConfig, url: str) -> None:
    _, study = watched_search(config, url, 2, terminal=False)
    study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={LOST: True}))
    shown, _ = watched_search(config, url, 4, terminal=False)
    assert [line.split()[0] for line in shown.splitlines()] == ["[3/4]", "[4/4]"]


def test_a_terminal_shows_what_runs_and_how_the_search_stands(
    config: StudyConfig, url: str
) -> None:
    shown, study = watched_search(config, url, TOTAL, terminal=True)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    states = [trial.state for trial in study.trials]
    summary = (
        f"{TOTAL} of {TOTAL} trials · {states.count(TrialState.PRUNED)} pruned · "
        f"{states.count(TrialState.FAIL)} failed · best accuracy {study.best_value:.4f}, "
        f"baseline {study.trials[0].value:.4f} · about 1 s left"
    )
    assert summary in plain
    assert "no score yet" in plain
    assert re.search(r"trial 0 +(starting|epoch \d)", plain)
    assert "\x1b[?25h" in shown.split("\x1b[?25l")[-1], "the cursor is shown again"


def test_the_terminal_is_given_back_when_the_search_breaks(config: StudyConfig, url: str) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    study, config = open_as_command(url, "study", config)
    opened = Opened(study, config.case.metric.name, config.dataset.source, 0, 3, at_most=False)

    def interrupted() -> None:
        with ConsoleObserver(console, HERE) as observer:
            observer.tell(opened)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "\x1b[?25h" in screen.getvalue()
    assert finished(study) == 0


class CutShort(io.StringIO):
    """A screen on which Ctrl-C comes after a line is visible but before `print` returns."""

    def flush(self) -> None:
        if self.getvalue().endswith("the second\n"):
            raise KeyboardInterrupt
        super().flush()


def test_a_line_in_whose_printing_ctrl_c_came_is_there_once() -> None:
    screen = CutShort()
    console = Console(file=screen, force_terminal=False, markup=False)

    def interrupted() -> None:
        with ConsoleObserver(console, HERE) as observer:
            observer.tell(Message("the first"))
            observer.tell(Message("the second"))

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    say_stopped(console)
    assert screen.getvalue().split("\n")[:4] == ["the first", "the second", "", STOPPED]
