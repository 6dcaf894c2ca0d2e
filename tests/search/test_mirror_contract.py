"""Optuna's contract tests of a storage, on mirrors; after each, the database has everything."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from optuna.study import StudyDirection
from optuna.testing.pytest_storages import StorageTestCase

from tests.search.mirrors import Mirrors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.contract
class TestMirror(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Mirrors]:
        mirrors = Mirrors(f"sqlite:///{tmp_path}/studies.db")
        yield mirrors
        mirrors.check_that_all_is_written()

    def test_pickle_storage(self, storage: Mirrors) -> None:  # type: ignore[override]
        """Optuna's storages can be copied to another process, mirrors cannot: only one writes."""
        study_id = storage.create_new_study(directions=[StudyDirection.MINIMIZE])
        with pytest.raises(AttributeError, match="Can't pickle"):
            pickle.dumps(storage.mirrors[study_id])
