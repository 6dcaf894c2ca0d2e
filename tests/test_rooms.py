"""The large rooms of the house say in their docstring where what is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import tuner

HOUSE = Path(tuner.__file__).parent


@pytest.mark.parametrize("room", ["evidence", "runs", "search", "serve", "study"])
def test_the_docstring_of_a_room_names_its_modules(room: str) -> None:
    there = {path.stem for path in (HOUSE / room).glob("*.py")} - {"__init__", "__main__"}
    there |= {path.parent.name for path in (HOUSE / room).glob("*/__init__.py")}
    named = re.findall(r"`(\w+)`", importlib.import_module(f"tuner.{room}").__doc__ or "")
    assert sorted(named) == sorted(set(named)), "each once"
    assert set(named) == there, f"name it in the docstring of tuner.{room}"
