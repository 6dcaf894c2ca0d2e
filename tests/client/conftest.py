"""A service that listens on a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serve.conftest import empty as empty
from tests.serve.conftest import service as service
from tests.serve.making import listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.serve.service import Service


@pytest.fixture
def url(empty: Service) -> Iterator[str]:
    with listening(empty) as found:
        yield found
