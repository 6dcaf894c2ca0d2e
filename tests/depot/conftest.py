from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.s3_server import s3_server, use

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an S3 server that has the bucket `models`."""
    use(server, monkeypatch)
    return server
