"""Data for tables and pictures, sent to a service that listens on a socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.parquet
import pytest

from tests.sampling import one_in
from tests.serve.making import PICTURE, TABLE
from tuner.client import Client
from tuner.commands.submit import main as submit
from tuner.errors import ServiceError, UsageError
from tuner.serve.api import data

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_is_sent_once_and_searched(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "houses.csv"
    table.write_text(TABLE, encoding="utf-8")
    words = ["table", "--data", str(table), "--target", "price", "--url", url]
    assert submit(words) == 0
    assert "Study 'houses' is queued" in capsys.readouterr().out
    client = Client(url)
    (sent,) = client.data()
    assert re.fullmatch(r"uploads/houses-[0-9a-f]{12}\.csv", sent)
    assert submit([*words, "--name", "again"]) == 0
    assert client.data() == [sent]
    there = ["table", "--data", sent, "--target", "price", "--name", "third", "--url", url]
    assert submit(there) == 0
    assert {one["case"] for one in client.jobs()} == {f"table --data {sent} --target price"}
    table.write_text(TABLE + "1,a,2\n", encoding="utf-8")
    assert submit([*words, "--name", "changed"]) == 0
    assert len(client.data()) == 2


def test_a_parquet_file_and_a_folder_of_pictures_are_sent(url: str, tmp_path: Path) -> None:
    rows = {"size": list(range(30)), "price": [2.0 * one for one in range(30)]}
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "houses.parquet")
    for number, name in enumerate(("cats/1.png", "dogs/1.png", "dogs/notes.txt")):
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE + bytes(number))
    (tmp_path / "pets" / "dogs" / "2.png").symlink_to(tmp_path / "houses.parquet")
    words = ["--url", url, "--data"]
    assert submit(["table", *words, str(tmp_path / "houses.parquet"), "--target", "price"]) == 0
    for name in ("pets", "pets again"):
        assert submit(["images", *words, str(tmp_path / "pets"), "--name", name]) == 0
    houses, pets = Client(url).data()
    assert pets.startswith("uploads/pets-")
    assert houses.endswith(".parquet")


@pytest.mark.parametrize(
    ("door", "name", "said"),
    one_in(
        2,
        [
            ("table", "nowhere.csv", "no file or data 'nowhere.csv'"),
            ("table", "folder", "cannot be sent; a service takes .csv or .parquet files"),
            ("table", "code.py", "cannot be sent; a service takes .csv or .parquet files"),
            ("images", "code.py", "cannot be sent; a service takes .zip files, or a folder"),
            ("images", "folder", "holds no picture"),
            ("table", "empty.csv", "is empty; choose a file with rows"),
            ("table", "large.csv", "has 3 MiB; the service takes 2 MiB at most"),
        ],
    ),
)
def test_data_that_cannot_be_sent_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str, name: str, said: str
) -> None:
    monkeypatch.setattr(data, "LARGEST_UPLOAD", 2 * 2**20)
    (tmp_path / "folder").mkdir()
    (tmp_path / "code.py").write_text("print()")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "large.csv").write_bytes(bytes(3 * 2**20))
    target = ["--target", "price"] if door == "table" else []
    where = str(tmp_path / name) if (tmp_path / name).exists() else name
    with pytest.raises((ServiceError, UsageError), match=said):
        submit([door, "--data", where, *target, "--url", url])
    client = Client(url)
    assert not client.data()
    assert not client.jobs()
