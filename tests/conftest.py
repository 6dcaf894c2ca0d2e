"""How tests are distributed to workers; shared fixtures are in `tests.fixtures`."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

# Users do not have it set; with it, a missing flush would not be noticed.
os.environ.pop("PYTHONUNBUFFERED", None)

# Imports create 300,000 objects that stay. Collecting garbage among them again and again would take
# a seventh of the tests' time.
gc.set_threshold(50_000)


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures in processes that run tests; the one that distributes them needs none."""
    deals = config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ
    if not deals:
        config.pluginmanager.import_plugin("tests.fixtures")


def pytest_collection_finish() -> None:
    """Exclude the objects made by imports from all further garbage collections."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the folder of the real data sets."""
    parser.addoption("--real-data", type=Path, help="folder with MNIST and Flowers-102")
    parser.addoption(
        "--kills", type=int, default=1, help="how often a study is killed, of each kind"
    )


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Run tests that share a fixture of their module in one worker, which makes it once."""
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group"):
            continue
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        if any(known[-1].scope == "module" for known in fixtures if known):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
