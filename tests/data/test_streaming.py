"""Rows of a PyTorch `Dataset`: read once, checked, and mapped if memory is short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset

from tests.data.making import opened
from tuner.data import room
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.room import room_for, rows_at_a_time
from tuner.data.sources.folders import Folders
from tuner.data.splits import Holdout
from tuner.data.streaming import read_examples
from tuner.data.tensors import load_tensors, save_tensors
from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


class Rows(Dataset[Any]):
    """Items by number, as in a user's own data set."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Any:
        self.asked.append(number)
        return self.items[number]


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield torch.zeros(2), 0


class Noisy(Rows):
    def __getitem__(self, number: int) -> Any:
        return torch.rand(3), 0


def pictures(count: int = 6) -> list[Any]:
    return [(torch.full((3, 2, 2), n, dtype=torch.uint8), n % 2) for n in range(count)]


@pytest.fixture(params=["in memory", "in a file"])
def folders(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: Any) -> Folders:
    if request.param == "in a file":
        monkeypatch.setattr(room, "SHARE_OF_MEMORY", 0.0)
    return Folders(own=tmp_path / "data")


def test_many_rows_are_kept_in_a_file(tmp_path: Path) -> None:
    rows = room_for(10, (3, 4), tmp_path / "data", torch.float32, memory=100)
    rows[:] = torch.arange(10.0).view(-1, 1, 1)
    assert list((tmp_path / "data").iterdir()) == []  # it has no name, so nothing is left
    Examples(features=rows, targets=torch.arange(10), names=tuple("abcdefghij")).save(
        tmp_path / "rows"
    )
    again = Examples.load(tmp_path / "rows")
    assert torch.equal(again.features, rows)
    assert again.names == tuple("abcdefghij")


def test_a_container_without_the_memory_has_them_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, mapped in ((400, False), (399, True)):
        monkeypatch.setattr(room, "usable_memory", lambda limit=limit: limit)
        room_for(100, (1,), tmp_path / str(limit))
        assert (tmp_path / str(limit)).exists() == mapped


@pytest.mark.parametrize(
    ("shape", "most", "rows"),
    [
        ((3, 64, 64), 1000, 1000),
        ((3, 256, 256), 1000, 85),
        ((3, 512, 512), 1000, 21),
        ((3, 4096, 4096), 1000, 1),
        ((10,), 5000, 5000),
        ((), 1000, 1000),
        ((0,), 1000, 1000),
    ],
)
def test_of_large_rows_fewer_are_looked_at_together(
    shape: tuple[int, ...], most: int, rows: int
) -> None:
    assert rows_at_a_time(shape, most) == rows


def test_a_disk_without_room_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"GiB of rows do not fit into .*; free some space"):
        room_for(2**40, (3, 64, 64), tmp_path)


def test_each_row_is_read_once_and_three_are_read_again(folders: Folders) -> None:
    rows = Rows(pictures())
    found = read_examples(rows, folders)
    assert rows.asked == [*range(6), 0, 3, 5]
    assert found.features[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert found.features.dtype == torch.uint8
    assert found.targets.tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("target", "kind", "value"),
    [
        (1, torch.int64, 1),
        (torch.tensor(1), torch.int64, 1),
        (np.int32(1), torch.int64, 1),
        (torch.tensor([1]), torch.int64, 1),
        (0.5, torch.float64, [0.5]),
        (np.float32(0.5), torch.float64, [0.5]),
        (torch.tensor([0.5]), torch.float64, [0.5]),
        (np.array([0.5]), torch.float64, [0.5]),
    ],
)
def test_targets_are_classes_or_numbers(target: Any, kind: torch.dtype, value: object) -> None:
    found = read_examples(Rows([(np.zeros(3, np.float32), target)]), Folders())
    assert found.targets.dtype == kind
    assert found.targets[0].tolist() == value


@pytest.mark.parametrize("workers", [0, 1])
def test_the_global_generator_is_left_alone(workers: int) -> None:
    before = torch.get_rng_state()
    found = read_examples(Rows(pictures()), Folders(), workers=workers)
    assert len(found) == 6
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (Rows([]), "the data set has no rows"),
        (Endless(), "Endless has no rows by number; give a map-style data set"),
        (Rows([torch.zeros(3)]), "row 0 of the data set is an object of type Tensor"),
        (Rows([(torch.zeros(3), 0, 0)]), "it has to be a pair: features, target"),
        (Rows([("text", 0)]), "the features of row 0 are an object of type str; give a tensor"),
        (Rows([(torch.zeros(3).bfloat16(), 0)]), "features of row 0 are torch.bfloat16"),
        (Rows([(torch.zeros(3), "cat")]), "the target of row 0 is an object of type str"),
        (Rows([(torch.zeros(3), torch.zeros(2))]), "the target of row 0 is an object of type Ten"),
        (Rows([(torch.zeros(3), 0), (torch.zeros(4), 0)]), r"row 1 .* has shape \(4,\)"),
        (Rows([(torch.zeros(3), 0), (torch.zeros(3).int(), 0)]), "row 1 .* type torch.int32"),
        (Rows([(torch.zeros(3), 0), (torch.zeros(3), 0.5)]), "row 1 .* target 0.5, row 0 has 0"),
        (Noisy([1, 2, 3]), "row 0 of the data set is different when it is read again"),
    ],
)
def test_what_is_no_such_data_set_is_refused(rows: Dataset[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_examples(rows, Folders())


def test_a_mapped_data_set_equals_one_in_memory(tmp_path: Path, monkeypatch: Any) -> None:
    def made(own: Path) -> Any:
        rows = read_examples(Rows([(torch.rand(2, 3), n % 2) for n in range(40)]), Folders(own=own))
        return make_dataset(
            name="rows", source="a test", development=rows, test=rows, validation=Holdout(10),
            classes=("a", "b"), raw=True,
        )  # fmt: skip

    torch.manual_seed(0)
    first = made(tmp_path / "first")
    monkeypatch.setattr(room, "SHARE_OF_MEMORY", 0.0)
    torch.manual_seed(0)
    second = made(tmp_path / "second")
    assert first.identity == second.identity
    assert torch.equal(opened(first).features, opened(second).features)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process maps")
def test_rows_that_are_larger_than_memory_are_trained_on_from_the_file(tmp_path: Path) -> None:
    """No step may copy the 229 MiB of rows into private memory: reading, caching or fitting.

    Sometimes 100 MiB more are counted for a process than for others that do the same. A copy would
    appear in each.
    """
    seen = []
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        program = [sys.executable, "-m", "tests.data.large", str(folder)]
        grown = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        own = {step: int(mib) for step, mib in (line.split(": ") for line in grown.splitlines())}
        assert set(own) == {"read", "stored", "fitted"}
        seen.append(max(own.values()))
        if seen[-1] < 150:
            break
    assert min(seen) < 150, seen


def test_one_number_of_any_stride_is_saved(tmp_path: Path) -> None:
    one = torch.zeros(3, dtype=torch.float64).as_strided((1,), (0,)) + 0
    odd = torch.empty_strided((1,), (0,), dtype=torch.float64).fill_(2.5)
    save_tensors({"one": one, "odd": odd}, tmp_path / "file")
    assert load_tensors(tmp_path / "file")["odd"].tolist() == [2.5]
