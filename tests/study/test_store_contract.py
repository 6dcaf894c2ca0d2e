"""Optuna's own tests of a storage, over the one that is opened with our settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.testing.pytest_storages import StorageTestCase

from tuner.study.store import open_storage

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


@pytest.mark.slow
class TestStorage(StorageTestCase):
    @pytest.fixture
    def storage(self, url: str) -> BaseStorage:
        return open_storage(url, create=True)
