from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.making import HERE
from tests.report.studies import add_trial, make_study
from tuner.commands.forecast import Forecast, about
from tuner.commands.heartbeat import SECONDS, Heartbeat
from tuner.commands.progress import _filled
from tuner.commands.watching import ConsoleObserver
from tuner.evidence.duration import Expected
from tuner.runs.observer import FitEnded, Opened, SearchEnded, Stage

if TYPE_CHECKING:
    from pathlib import Path


def test_it_speaks_only_where_nobody_has_spoken_for_half_a_minute() -> None:
    said, now = list[str](), [0.0]
    beat = Heartbeat(said.append, lambda seconds: f"{seconds:.0f} s", lambda: now[0])
    for second in range(1, 100):
        now[0] = second
        if second == 20:
            beat.spoke()
        beat.look()
    assert said == ["50 s", "80 s"]
    assert SECONDS <= 30


def test_it_is_silent_where_a_table_shows_more() -> None:
    said, now = list[str](), [0.0]
    beat = Heartbeat(said.append, lambda _: None, lambda: now[0])
    now[0] = 1000
    beat.look()
    assert said == []


def test_every_stage_says_what_happens() -> None:
    observer = ConsoleObserver(Console(file=io.StringIO(), width=80), HERE)
    observer.tell(Stage("confirming on fresh seeds"))
    observer.tell(FitEnded(6))
    observer.tell(FitEnded(6))
    words = observer._still(observer._began + 132)
    assert words == "Still confirming on fresh seeds · 12 trainings done · 0:02:12 so far"
    observer.tell(Stage("writing the report"))
    assert observer._still(observer._began) == "Still writing the report · 0:00:00 so far"


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (Stage("confirming on fresh seeds", confirms=True), "about 2 min 30 s left"),
        (Stage("training pruned trials to their end"), None),
        (Stage("training the best again on fresh folds"), None),
    ],
)
def test_only_of_a_confirmation_is_it_told_how_long_it_may_take(
    tmp_path: Path, stage: Stage, said: str | None
) -> None:
    observer = ConsoleObserver(Console(file=io.StringIO(), width=80), HERE)
    study = make_study(tmp_path)
    add_trial(study, value=0.6, arm="baseline", seconds=50.0)  # 10 s a fold
    # The search may end before a hundred trials, and then no other candidate follows.
    opened = Opened(study, "accuracy", "data", 1, 100, at_most=True, rounds=4, models=(4, 8))
    observer.tell(opened)
    observer.tell(SearchEnded())
    observer.tell(stage)
    observer.tell(FitEnded(1))
    parts = (observer._still(observer._stage_began + 10) or "").split(" · ")
    assert parts[:2] == [f"Still {stage.doing}", "1 training done"]
    assert parts[3:] == ([] if said is None else [said])


def test_time_left_covers_the_confirmation_and_is_corrected() -> None:
    one = Forecast(total=50, done_before=10, slots=2, began=100.0)
    assert one.left(10, 130.0) is None
    assert about(None) == "time left unknown"
    assert one.left(20, 200.0) == 300.0  # the search alone: nothing is known of a whole trial
    assert one.confirming(3, 5.0) is None
    one.looks = [Expected(30, 400.0), Expected(42, 600.0)]
    assert one.left(20, 200.0) == 300.0 + 200.0  # a second look may not be needed
    assert one.left(50, 500.0) == 200.0
    assert one.confirming(12, 60.0) == 140.0
    assert one.confirming(30, 190.0) == 10.0
    assert one.confirming(31, 190.0) == 110.0, "the second look"
    assert one.confirming(12, 200.0) is None, "it takes longer than the search has told"
    assert one.confirming(43, 290.0) == 10.0


@pytest.mark.parametrize("width", [20, 40, 60, 160])
def test_a_narrow_terminal_loses_no_part(width: int) -> None:
    parts = ["12 of 50 trials", "3 pruned", "best mae 0.01", "about 1 min left"]
    lines = _filled(parts, width)
    assert " · ".join(lines) == " · ".join(parts)
    assert all(len(line) <= width for line in lines)
