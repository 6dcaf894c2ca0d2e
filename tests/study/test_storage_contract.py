"""Optuna's contract tests of a storage, on the one with our settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.testing.pytest_storages import StorageTestCase

from tuner.study.database.storage import open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import BaseStorage


@pytest.mark.contract
class TestStorage(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> BaseStorage:
        return open_storage(f"sqlite:///{tmp_path}/studies.db", create=True)
