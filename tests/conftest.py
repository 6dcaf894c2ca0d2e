"""Real SQLite, real Optuna, a tiny case: fakes only at the outermost edge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
import torch

from tests.making import TINY, make_brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.study.opening import Brief

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def quiet_and_single() -> Iterator[None]:
    """One thread, as in a worker; Optuna's own log off."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def brief(tmp_path: Path) -> Brief:
    """A brief of the tiny case, its data cached."""
    return make_brief(TINY, tmp_path)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a study of this test is stored."""
    return f"sqlite:///{tmp_path}/studies.db"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, or a skip that says why."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data in {REAL_DATA}")
    return REAL_DATA
