"""How the tests are dealt out; what they share is in `tests.fixtures`."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

# Nobody who uses tuner has it set; with it, what should be flushed need not be.
os.environ.pop("PYTHONUNBUFFERED", None)

# Imports make a third of a million objects, all of which stay: a seventh of the tests' time would
# go into looking through them again and again.
gc.set_threshold(50_000)


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures where tests run: who only deals them out needs neither torch nor Optuna."""
    deals = config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ
    if not deals:
        config.pluginmanager.import_plugin("tests.fixtures")


def pytest_collection_finish() -> None:
    """Leave what the imports have made out of all further garbage collections."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever has the data sets say where."""
    parser.addoption("--real-data", type=Path, help="folder with MNIST and Flowers-102")
    parser.addoption(
        "--kills", type=int, default=1, help="how often a study is killed, of each kind"
    )


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Have tests that share a fixture of their module run in one worker, where it is made once."""
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group"):
            continue
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        if any(known[-1].scope == "module" for known in fixtures if known):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
