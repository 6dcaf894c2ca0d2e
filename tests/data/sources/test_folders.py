"""Where data is searched: given folder, own folder, download, stand-in, in this order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead
from threading import Barrier
from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.making import make_small
from tuner.data.sources.folders import Folders
from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tuner.data.dataset import Dataset

FILES = ("set/labels", "set/images")
RUNS = 4
REFUSED = URLError("no network")


def fill(folder: Path, files: tuple[str, ...] = FILES) -> None:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(str(folder.name), encoding="utf-8")


def read(folder: Path) -> Dataset:
    """Return data named after the folder in which its first file was written."""
    return make_small((folder / FILES[0]).read_text(encoding="utf-8"))


def refuse(folder: Path) -> None:
    raise REFUSED


def stand_in() -> Dataset:
    return make_small("stand-in")


def never(*_: object) -> Dataset:
    raise AssertionError("should not have been asked")


@given(
    in_given=st.sampled_from((None, False, True)),
    in_own=st.booleans(),
    network=st.booleans(),
    has_stand_in=st.booleans(),
)
def test_the_first_place_that_has_the_data_is_taken(
    tmp_path_factory: pytest.TempPathFactory,
    in_given: bool | None,
    in_own: bool,
    network: bool,
    has_stand_in: bool,
) -> None:
    root = tmp_path_factory.mktemp("places")
    (root / "given").mkdir()
    folders = Folders(given=None if in_given is None else root / "given", own=root / "own")
    if in_given:
        fill(root / "given")
    if in_own:
        fill(root / "own")
    asked: list[str] = []

    def download(folder: Path) -> None:
        asked.append("network")
        if not network:
            raise REFUSED
        fill(folder)
        (folder / FILES[0]).write_text("downloaded", encoding="utf-8")

    def find() -> str:
        return folders.find(FILES, read, download, stand_in if has_stand_in else None).name

    if in_given is False:
        with pytest.raises(DataError, match="lacks set/labels, set/images"):
            find()
    elif in_given:
        assert find() == "given"
    elif in_own:
        assert find() == "own"
    elif network:
        assert find() == "downloaded"
        assert find() == "downloaded"
        assert asked == ["network"]
    elif has_stand_in:
        assert find() == "stand-in"
    else:
        with pytest.raises(DataError, match=r"cannot be downloaded \(<urlopen error no network>\)"):
            find()
    if in_given is not None or in_own:
        assert asked == []


def test_a_given_folder_names_the_files_that_it_lacks(tmp_path: Path) -> None:
    fill(tmp_path, FILES[:1])
    with pytest.raises(DataError, match=f"--data-dir {tmp_path} lacks set/images; ") as error:
        Folders(given=tmp_path, own=tmp_path / "own").find(FILES, never, never, never)
    assert "set/labels" not in str(error.value)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize("where", ["given", "own"])
def test_damaged_data_is_an_error_and_never_replaced(tmp_path: Path, where: str) -> None:
    fill(tmp_path / where)

    def damaged(folder: Path) -> Dataset:
        raise DataError(f"{folder}/set/images is cut short")

    folders = Folders(given=tmp_path / "given" if where == "given" else None, own=tmp_path / "own")
    with pytest.raises(DataError, match="is cut short") as error:
        folders.find(FILES, damaged, never, never)
    again = f"is cut short. To have the data downloaded again, remove {tmp_path / 'own' / 'set'}"
    assert (again in str(error.value)) == (where == "own")


@pytest.mark.parametrize(
    "error",
    [REFUSED, TimeoutError("timed out"), RuntimeError("wrong MD5"), IncompleteRead(b"half")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("before", [(), FILES[:1]], ids=["empty", "incomplete"])
def test_a_broken_download_leaves_things_as_they_were(
    tmp_path: Path, error: Exception, before: tuple[str, ...]
) -> None:
    fill(tmp_path, before)

    def download(folder: Path) -> None:
        fill(folder, FILES[1:])
        raise error

    assert Folders(own=tmp_path).find(FILES, never, download, stand_in).name == "stand-in"
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(before)
    assert not list(tmp_path.glob(".download.*"))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, DataError])
def test_nothing_else_is_taken_for_a_lack_of_network(
    tmp_path: Path, stop: Callable[[], BaseException]
) -> None:
    def download(folder: Path) -> None:
        fill(folder)
        raise stop()

    with pytest.raises((KeyboardInterrupt, DataError)):
        Folders(own=tmp_path).find(FILES, never, download, never)
    assert list(tmp_path.iterdir()) == []


def test_a_download_takes_the_place_of_what_was_incomplete(tmp_path: Path) -> None:
    fill(tmp_path, FILES[:1])
    (tmp_path / "other").mkdir()
    assert Folders(own=tmp_path).find(FILES, read, fill).name.startswith(".download.")
    assert {path.name for path in tmp_path.iterdir()} == {"set", "other"}


def test_of_several_first_runs_one_downloads_and_the_others_use_it(tmp_path: Path) -> None:
    """A second download would remove the folder of the first while it is read."""
    asked: list[str] = []
    began = Barrier(RUNS)

    def download(folder: Path) -> None:
        asked.append(folder.name)
        time.sleep(0.05)
        fill(folder)

    def read_slowly(folder: Path) -> Dataset:
        name = (folder / FILES[0]).read_text(encoding="utf-8")
        time.sleep(0.05)
        assert (folder / FILES[1]).read_text(encoding="utf-8") == name
        return make_small(name)

    def run(_number: int) -> str:
        folders = Folders(own=tmp_path / "own")
        began.wait()
        return folders.find(FILES, read_slowly, download).name

    with ThreadPoolExecutor(RUNS) as threads:
        assert set(threads.map(run, range(RUNS))) == set(asked)
    assert len(asked) == 1


def test_a_folder_that_cannot_be_written_is_a_lack_of_data(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folders = Folders(own=tmp_path / "file" / "own")
    assert folders.find(FILES, never, never, stand_in).name == "stand-in"
    with pytest.raises(DataError, match=r"cannot be downloaded \(.*; put set/labels, set/images"):
        folders.find(FILES, never, never)
