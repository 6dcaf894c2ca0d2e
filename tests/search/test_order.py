"""In order of work, a slow worker changes nothing; in order of arrival, the faster goes first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from tests.making import TINY, history, make_brief, make_engine, search
from tuner.engines.inprocess import InProcessEngine
from tuner.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tuner.engines.job import Event
    from tuner.search.lineup import Running
    from tuner.study.configuration import StudyConfig

TOTAL = 12


class OneLags(InProcessEngine):
    """Two fits at once; one trial's fit has no event for a number of requests."""

    slots = 2

    def __init__(self, key: int, times: int) -> None:
        super().__init__()
        self.key, self.left = key, times

    def next(self, key: int, timeout: float) -> Event | None:  # type: ignore[override]
        if key == self.key and self.left:
            self.left -= 1
            return None
        return super().next(key, timeout)


class Ends:
    """Records the order in which trials end."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        if ended is not None:
            self.numbers.append(ended.number)


def ends(config: StudyConfig, engine: InProcessEngine, folder: Path) -> list[int]:
    observer = Ends()
    database = folder / f"{len(list(folder.glob('*.db')))}.db"
    search(f"sqlite:///{database}", config, TOTAL, engine=engine, observer=observer)
    return observer.numbers


@pytest.mark.slow
def test_by_work_it_does_not_matter_who_lags(config: StudyConfig, tmp_path: Path) -> None:
    orders = [ends(config, OneLags(key, 30), tmp_path) for key in (0, 1, 5)]
    assert orders[0] == orders[1] == orders[2]


def test_by_arrival_who_lags_is_last(tmp_path: Path) -> None:
    config = replace(make_brief(TINY, tmp_path), order="arrival")
    numbers = ends(config, OneLags(0, 30), tmp_path)
    assert sorted(numbers) == list(range(TOTAL))
    assert numbers.index(0) > 3


@pytest.mark.slow
def test_with_one_worker_the_order_is_the_same(config: StudyConfig, tmp_path: Path) -> None:
    studies = [
        search(f"sqlite:///{tmp_path}/{order}.db", replace(config, order=order), TOTAL)
        for order in ("work", "arrival")
    ]
    assert history(studies[0]) == history(studies[1])


@pytest.mark.slow
def test_by_arrival_nothing_is_lost_with_two_workers(tmp_path: Path, url: str) -> None:
    config = replace(make_brief(TINY, tmp_path), order="arrival")
    engine = make_engine(2)
    try:
        study = search(url, config, TOTAL, engine=engine)
    finally:
        engine.close()
    assert [trial.number for trial in study.trials] == list(range(TOTAL))
    assert {trial.state for trial in study.trials} >= {TrialState.COMPLETE, TrialState.PRUNED}
    with pytest.raises(StudyError, match="its --order is arrival, not work"):
        search(url, replace(config, order="work"), TOTAL)
