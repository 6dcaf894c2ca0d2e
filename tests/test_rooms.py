"""The docstring of a large package names all its modules."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import tuner

HOUSE = Path(tuner.__file__).parent


ROOMS = [
    *("evidence", "runs", "search", "serve", "study"),
    *(
        f"{room}.{path.parent.name}"
        for room in ("evidence", "runs", "serve", "study")
        for path in sorted(HOUSE.glob(f"{room}/*/__init__.py"))
    ),
]


@pytest.mark.parametrize("room", ROOMS)
def test_the_docstring_of_a_room_names_its_modules(room: str) -> None:
    folder = HOUSE.joinpath(*room.split("."))
    there = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    there |= {path.parent.name for path in folder.glob("*/__init__.py")}
    named = re.findall(r"`(\w+)`", importlib.import_module(f"tuner.{room}").__doc__ or "")
    assert sorted(named) == sorted(set(named)), "each once"
    assert set(named) == there, f"name it in the docstring of tuner.{room}"
