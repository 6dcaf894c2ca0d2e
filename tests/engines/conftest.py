"""Fixtures that the tests of engines share."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY, make_brief
from tuner import machine
from tuner.engines.job import Job, Replica

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def ended_as_any_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Undo the out-of-memory priority that a worker sets for itself.

    Some tests run a worker's code in this process. Without this, the system would kill this process
    first if memory ran out, and those that later tests start.
    """
    monkeypatch.setattr(machine, "OWN_SCORE", tmp_path / "score that is not there")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    config = make_brief(TINY, tmp_path_factory.mktemp("job"))
    return Job(
        case=TINY,
        hyperparameters=asdict(replace(config.case.baseline, epochs=6)),
        data=config.data_folder,
        replicas=(Replica(seed=7, split_seed=0),),
        plan=config.plan,
    )
