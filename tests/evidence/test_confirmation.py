from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.making import make_engine, search
from tuner.engines.inprocess import InProcessEngine
from tuner.errors import BundleError, StudyError
from tuner.evidence.confirmation import CONFIRMATION, OPENINGS, confirm, find_arms, seed_of
from tuner.seeds import derive
from tuner.study.opening import open_study

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.fits import Job
    from tuner.study.opening import Brief


class Counting(InProcessEngine):
    """Counts the fits that it is given, and can press Ctrl-C at one."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        super().__init__()
        self.jobs: list[Job] = []
        self.interrupt_at = interrupt_at

    def start(self, key: int, job: Job) -> None:
        if len(self.jobs) == self.interrupt_at:
            raise KeyboardInterrupt
        self.jobs.append(job)
        super().start(key, job)


def quiet(_: str) -> None:
    pass


def test_arms_are_confirmed_on_the_same_fresh_seeds(brief: Brief, url: str, tmp_path: Path) -> None:
    study, engine = search(url, brief, 6), Counting()
    assert confirm(study, brief, engine, 3, tmp_path / "weights", quiet)
    found = study.user_attrs[CONFIRMATION]
    seeds = [seed_of(0, index) for index in range(3)]
    assert found["seeds"] == seeds
    assert not set(seeds) & {trial.user_attrs["seed"] for trial in study.trials}
    trials = {arm["trial"] for arm in found["arms"].values()}
    assert sorted((job.seed, job.stop_after) for job in engine.jobs) == sorted(
        (seed, study.trials[trial].user_attrs["best_epoch"]) for trial in trials for seed in seeds
    )
    for job in engine.jobs:
        assert job.split_seed is None
    for arm in found["arms"].values():
        assert [set(score) for score in arm["scores"]] == [{"accuracy", "macro_f1"}] * 3
        assert all(0 <= score["accuracy"] <= 1 for score in arm["scores"])
        assert arm["epochs"] == study.trials[arm["trial"]].user_attrs["best_epoch"]


def test_the_test_split_is_opened_once_and_on_the_record(
    brief: Brief, url: str, tmp_path: Path
) -> None:
    study = search(url, brief, 4)
    assert confirm(study, brief, make_engine(1), 2, tmp_path, quiet)
    assert not confirm(study, brief, Counting(interrupt_at=0), 2, tmp_path, quiet)
    (opening,) = study.user_attrs[OPENINGS]
    assert opening["reason"] == "final evaluation of 3 arms on 2 seeds"


def test_more_seeds_are_another_opening(brief: Brief, url: str, tmp_path: Path) -> None:
    study = search(url, brief, 4)
    confirm(study, brief, make_engine(1), 1, tmp_path, quiet)
    first = study.user_attrs[CONFIRMATION]["arms"]["baseline"]["scores"]
    engine = Counting()
    assert confirm(study, brief, engine, 2, tmp_path, quiet)
    assert {job.seed for job in engine.jobs} == {seed_of(0, 1)}, "the first seed is there already"
    assert len(study.user_attrs[OPENINGS]) == 2
    assert study.user_attrs[CONFIRMATION]["arms"]["baseline"]["scores"][:1] == first


def test_an_interrupted_confirmation_goes_on_where_it_was(
    brief: Brief, url: str, tmp_path: Path
) -> None:
    study = search(url, brief, 4)
    with pytest.raises(KeyboardInterrupt):
        confirm(study, brief, Counting(interrupt_at=2), 2, tmp_path, quiet)
    assert OPENINGS not in study.user_attrs
    engine = Counting()
    assert confirm(study, brief, engine, 2, tmp_path, quiet)
    arms = {arm.trial for arm in find_arms(study).values()}
    assert len(engine.jobs) == 2 * len(arms) - 2


def test_damaged_weights_are_named_and_trained_again(
    brief: Brief, url: str, tmp_path: Path
) -> None:
    study = search(url, brief, 4)
    with pytest.raises(KeyboardInterrupt):
        confirm(study, brief, Counting(interrupt_at=1), 1, tmp_path, quiet)
    victim = next(tmp_path.glob("*.safetensors"))
    victim.write_bytes(victim.read_bytes()[:-10])
    with pytest.raises(BundleError, match=victim.name):
        confirm(study, brief, make_engine(1), 1, tmp_path, quiet)
    assert confirm(study, brief, make_engine(1), 1, tmp_path, quiet)


def test_without_a_baseline_there_is_nothing_to_compare(
    brief: Brief, url: str, tmp_path: Path
) -> None:
    study, _ = open_study(url, "study", brief)
    with pytest.raises(StudyError, match="baseline has no complete trial"):
        confirm(study, brief, make_engine(1), 1, tmp_path, quiet)


def test_seeds_are_derived_by_name() -> None:
    seeds = {
        derive(seed, *path) for seed in (0, 1) for path in (("a", 1), ("a", 2), ("b", 1), ("a",))
    }
    assert len(seeds) == 8
    assert derive(0, "a", 1) == derive(0, "a", 1)
    assert all(0 <= seed < 2**32 for seed in seeds)
