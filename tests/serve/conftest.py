from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serve.making import client_of, make_service
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.serve.service import Service


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Service]:
    """A service whose database has no study."""
    made = make_service(Workplace.at(tmp_path / "home"))
    yield made
    made.storage.engine.dispose()


@pytest.fixture
def service(own_workplace: Path) -> Iterator[Service]:
    """A service over a whole study `tiny` that a command has made."""
    made = make_service(Workplace.at(own_workplace / "storage"))
    yield made
    made.storage.engine.dispose()


@pytest.fixture
def client(service: Service) -> TestClient:
    """A client of that service."""
    return client_of(service)
