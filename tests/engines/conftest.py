"""What the tests of engines have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tuner import machine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def ended_as_any_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Some have a worker's code run here, and this process cannot take back what that says of it.

    It would be ended before others where memory runs out, as would what later tests start.
    """
    monkeypatch.setattr(machine, "OWN_SCORE", tmp_path / "score that is not there")
