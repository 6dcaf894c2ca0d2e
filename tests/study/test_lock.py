from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.making import DATABASE, TINY
from tests.waiting import wait_until
from tuner.commands.ablate import main as ablate
from tuner.commands.study import main as study_main
from tuner.errors import StoreError, StudyError
from tuner.study.database.lock import is_held, only_writer
from tuner.study.database.storage import open_storage

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = (
    "import sys, time\n"
    "from tuner.study.database.lock import only_writer\n"
    "with only_writer(sys.argv[1], sys.argv[2]):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(600)\n"
)


def hold(url: str, name: str) -> subprocess.Popen[str]:
    """Lock a study in another process."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, name], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_the_second_writer_is_refused_until_the_first_is_gone(url: str) -> None:
    with hold(url, "one") as other:
        holder = f"process {other.pid}" if url.startswith("sqlite") else "another process"
        with (
            pytest.raises(StudyError, match=f"{holder} is at work on study 'one'"),
            only_writer(url, "one"),
        ):
            pytest.fail("two writers at once")
        with only_writer(url, "two"):
            pass  # another study of the same database is not locked
        other.send_signal(signal.SIGKILL)

    def is_free() -> bool:
        with suppress(StudyError), only_writer(url, "one"):
            return True
        return False

    wait_until(is_free)  # a server notices a moment later


def test_who_looks_whether_a_study_is_held_takes_nothing(url: str) -> None:
    storage = open_storage(url, create=True)
    assert not is_held(storage, "one")
    with hold(url, "one") as other:
        assert is_held(storage, "one")
        assert not is_held(storage, "two")
        other.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_held(storage, "one"))  # a server notices a moment later
    with only_writer(url, "one"):
        assert is_held(storage, "one")
    assert not is_held(storage, "one")


def test_a_lock_that_may_not_be_touched_counts_as_held(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db", create=True)
    (tmp_path / "studies.db.one.lock").mkdir()
    assert is_held(storage, "one")


def test_a_link_to_a_database_is_the_same_database(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "studies.db")
    with (
        only_writer(f"sqlite:///{tmp_path}/real/studies.db", "one"),
        pytest.raises(StudyError, match="is at work on study 'one'"),
        only_writer(f"sqlite:///{tmp_path}/link.db", "one"),
    ):
        pytest.fail("two writers at once")


def test_an_error_lets_go_of_the_study_and_is_not_taken_for_one_of_the_lock(url: str) -> None:
    with pytest.raises(PermissionError, match="of something else"), only_writer(url, "one"):
        raise PermissionError("of something else")
    with only_writer(url, "one"):
        pass


def test_what_cannot_be_locked_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match="cannot be written"),
        only_writer(f"sqlite:///{tmp_path}/file/studies.db", "one"),
    ):
        pytest.fail("there is no such folder")
    with pytest.raises(StoreError, match="is not a storage URL"), only_writer("nonsense", "one"):
        pytest.fail("there is no such storage")
    with (
        pytest.raises(StoreError, match="cannot be opened"),
        only_writer("postgresql+psycopg://nobody@localhost:1/none?connect_timeout=1", "one"),
    ):
        pytest.fail("there is no such server")


@pytest.mark.slow
@pytest.mark.usefixtures("own_workplace")
def test_study_and_ablate_are_writers() -> None:
    with hold(DATABASE, "tiny") as other:
        with pytest.raises(StudyError, match=f"process {other.pid} is at work on study 'tiny'"):
            study_main([TINY, "--trials", "6"])
        with pytest.raises(StudyError, match=f"process {other.pid} is at work on study 'tiny'"):
            ablate(["tiny"])
        other.kill()
