from __future__ import annotations

import hashlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tuner import files
from tuner.depot.folder import UNFINISHED

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with files.replacing(path) as beside:
        beside.write_text("after", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "after"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize(
    ("umask", "file", "folder"),
    [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)],
    ids=["everybody", "me alone", "my group"],
)
def test_who_may_read_is_what_the_umask_says(
    tmp_path: Path, umask: int, file: int, folder: int
) -> None:
    """A backup has all tokens' hashes and all data; a team may want to overwrite a model."""
    before = os.umask(umask)
    try:
        with files.replacing(tmp_path / "file"), files.replacing_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "folder")]
    assert modes == [file, folder]


def test_a_file_stays_as_it_was_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before", encoding="utf-8")

    def write() -> None:
        with files.replacing(path) as beside:
            beside.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text(encoding="utf-8") == "before"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("before", [False, True])
def test_a_folder_appears_whole(tmp_path: Path, before: bool) -> None:
    path = tmp_path / "folder"
    if before:
        path.mkdir()
        (path / "old").touch()
    with files.replacing_folder(path) as beside:
        (beside / "new").touch()
    assert names(path) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_folder_stays_as_it_was_when_filling_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()

    def fill() -> None:
        with files.replacing_folder(path) as beside:
            (beside / "half").touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fill()
    assert names(path) == ["old"]
    assert names(tmp_path) == ["folder"]


def test_another_process_may_make_the_folder_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with files.replacing_folder(path) as beside:
        (beside / "ours").touch()
        path.mkdir()
        (path / "theirs").touch()
    assert names(path) == ["ours"]
    assert names(tmp_path) == ["folder"]


def test_json_is_readable_and_finite(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    files.write_json(path, {"name": "café", "score": 0.5})
    assert path.read_text(encoding="utf-8") == '{\n  "name": "café",\n  "score": 0.5\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"score": float("nan")})
    assert '"score": 0.5' in path.read_text(encoding="utf-8")


def test_checksum_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert files.sha256_of_file(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_many_may_replace_one_folder_at_once(tmp_path: Path) -> None:
    path = tmp_path / "folder"

    def replace(writer: int) -> None:
        for _ in range(30):
            with files.replacing_folder(path) as beside:
                (beside / "whose").write_text(str(writer))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, range(4)))
    assert names(path) == ["whose"]
    assert names(tmp_path) == ["folder"]


def test_a_folder_takes_the_place_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.touch()
    with files.replacing_folder(path) as beside:
        (beside / "new").touch()
    assert names(path) == ["new"]


def test_a_folder_is_on_the_disk_before_it_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power cut could leave empty files after the originals have been removed."""
    path, flushed = tmp_path / "folder", set[int]()

    def flush(descriptor: int) -> None:
        assert not path.exists()
        flushed.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", flush)
    with files.replacing_folder(path) as beside:
        (beside / "inner").mkdir()
        written = [beside / "one", beside / "inner" / "two"]
        for one in written:
            one.write_text("x")
        wanted = {one.stat().st_ino for one in written}
    assert flushed == wanted


def test_a_folder_is_gone_where_its_removal_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a model would block the next one; half of the pictures would count as a data set."""
    path, removed = tmp_path / "folder", shutil.rmtree

    def interrupted(folder: Path, *_: object, **__: object) -> None:
        if folder.exists():
            (folder / "one").unlink()
            raise KeyboardInterrupt

    for remove in (interrupted, removed):
        path.mkdir()
        for name in ("one", "two"):
            (path / name).touch()
        monkeypatch.setattr(shutil, "rmtree", remove)
        with suppress(KeyboardInterrupt):
            files.remove_folder(path)
        assert not path.exists()
        assert all(UNFINISHED.fullmatch(name) for name in names(tmp_path)), "tuner clean finds it"
    assert names(tmp_path) == []


def numbered(folder: Path, number: int) -> None:
    """Replace a folder by one with the same number in both of its files."""
    with files.replacing_folder(folder) as beside:
        for name in ("one", "two"):
            (beside / name).write_text(str(number))


def test_a_folder_that_is_replaced_meanwhile_is_read_again(tmp_path: Path) -> None:
    path, left = tmp_path / "folder", [3, 2, 1]

    def read() -> tuple[str, str]:
        first = (path / "one").read_text()
        if left:
            numbered(path, left.pop())
        return first, (path / "two").read_text()

    numbered(path, 0)
    assert files.read_whole(path, read) == ("3", "3")
    left.extend(range(files.ATTEMPTS))
    with pytest.raises(OSError, match="replaced again and again"):
        files.read_whole(path, read)


def test_what_is_wrong_with_a_folder_that_stays_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="one"):
        files.read_whole(tmp_path / "none", (tmp_path / "none" / "one").read_text)


def test_a_folder_that_is_away_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder"
    monkeypatch.setattr(time, "sleep", lambda _seconds: numbered(path, 1))
    assert files.read_whole(path, (path / "one").read_text) == "1"


def test_the_old_folder_is_removed_only_when_the_new_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a kill while a large model is removed would leave neither."""
    path, remove = tmp_path / "folder", shutil.rmtree
    numbered(path, 1)

    def removing(folder: Path, *, ignore_errors: bool) -> None:
        assert (path / "one").read_text() == "2"
        remove(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", removing)
    numbered(path, 2)
    assert names(tmp_path) == ["folder"]
