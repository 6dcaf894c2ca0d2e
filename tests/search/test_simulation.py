"""The simulator drives the real coordinator, so its measurements must be correct."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY, history, make_brief, search
from tests.search.simulation import PretendEngine, Recording, recordings

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tuner.study.configuration import Order, StudyConfig

pytestmark = pytest.mark.slow  # thousands of simulated searches

FAST = Recording([0.5, 1.0], [0.6, 0.7], points_per_epoch=1, work=1.0, seconds=0.5)
SLOW = Recording([0.5, 1.0], [0.5, 0.9], points_per_epoch=1, work=1.0, seconds=1.5)
TOTAL = 30


def simulated(config: StudyConfig, folder: Path, engine: PretendEngine) -> list[dict[str, Any]]:
    database = folder / f"{len(list(folder.glob('*.db')))}.db"
    return history(search(f"sqlite:///{database}", config, TOTAL, engine=engine))


@pytest.mark.parametrize(("order", "repeats"), [("work", True), ("arrival", False)])
def test_by_work_alone_a_study_does_not_depend_on_who_is_fast(
    tmp_path: Path, order: Order, repeats: bool
) -> None:
    config = replace(make_brief(TINY, tmp_path), order=order)
    first, second = (
        simulated(
            config, tmp_path, PretendEngine(8, [FAST, SLOW], seconds=5, between=0.5, seed=seed)
        )
        for seed in (0, 1)
    )
    assert (first == second) == repeats


def test_a_worker_without_competition_is_busy_but_for_the_coordinator(
    config: StudyConfig, tmp_path: Path
) -> None:
    engine = PretendEngine(1, [FAST], seconds=500, noise=0)  # beside which a coordinator's are few
    simulated(config, tmp_path, engine)
    assert engine.trained_until_now() / engine.now == pytest.approx(1, abs=0.05)
    assert engine.waited / engine.now == pytest.approx(1, abs=0.05)


def test_workers_do_not_train_more_than_the_time_there_is(
    config: StudyConfig, tmp_path: Path
) -> None:
    engine = PretendEngine(16, [FAST, SLOW], seconds=0.001)
    simulated(config, tmp_path, engine)
    assert 0 < engine.trained_until_now() <= 16 * engine.now
    assert engine.waited < engine.now


def test_recordings_are_of_the_studies_that_are_kept() -> None:
    (mnist, housing) = (recordings(name) for name in ("mnist", "housing"))
    assert {one.points_per_epoch for one in mnist} == {4}
    assert {one.points_per_epoch for one in housing} == {1}
    for made in (mnist, housing):
        assert len(made) > 10
        assert sum(one.seconds for one in made) == pytest.approx(len(made))
        assert len({one.work for one in made}) > 5
        assert made[0].score(1.0) == made[0].scores[-1]
