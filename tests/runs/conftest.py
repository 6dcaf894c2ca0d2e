"""Fixtures that the tests of runs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(tmp_path)
    return Workplace.at()
