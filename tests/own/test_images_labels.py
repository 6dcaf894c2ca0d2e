"""A CSV of pictures with several labels each: how it is read, and why it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.own.pictures import draw, sheet
from tuner.case.loading import load_case
from tuner.case.reference import to_door
from tuner.data.sources.folders import Folders
from tuner.errors import DataError, TunerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

CELLS = ["red|green", "green ; red", "", "blue", "red", "green|blue", "blue|blue", "red;blue"]


def pictures(root: Path, cells: Sequence[str] = CELLS, each: int = 5) -> Path:
    rows: list[list[object]] = [["file", "tags"]]
    for number in range(each * len(cells)):
        draw(root / f"{number}.png", number, number % 3)
        rows.append([f"{number}.png", cells[number % len(cells)]])
    return sheet(root / "tags.csv", rows)


def made(data: Path, target: str = "tags", task: str | None = "multilabel") -> tuple[Case, Dataset]:
    options = {"data": str(data), "image": "file", "target": target}
    options |= {} if task is None else {"task": task}
    case = load_case(to_door("images", options))
    dataset = case.dataset(Folders(own=Path("data")))
    return case.settled(dataset), dataset


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_cells_with_labels_become_rows_of_zeros_and_ones() -> None:
    case, data = made(pictures(Path("photos")))
    assert case.task == data.task == "multilabel"
    assert data.classes == ("blue", "green", "red")
    rows = dict(zip(data.development.names, data.development.targets.tolist(), strict=True))
    wanted = {0: [0, 1, 1], 1: [0, 1, 1], 2: [0, 0, 0], 3: [1, 0, 0], 6: [1, 0, 0], 7: [1, 0, 1]}
    checked = 0
    for name, row in rows.items():
        place = int(name.removesuffix(".png")) % len(CELLS)
        if place in wanted:
            assert row == wanted[place]
            checked += 1
    assert checked > 20
    told = dict(data.inspection)
    assert told["target"].startswith("3 labels of ")
    assert "5 have none" in told["target"]


def test_columns_of_yes_and_no_are_the_same() -> None:
    _, by_cell = made(pictures(Path("photos")))
    rows: list[list[object]] = [["file", "red", "green", "blue"]]
    words = [("yes", "NO"), ("1", "0"), ("True", "")]
    for number in range(5 * len(CELLS)):
        yes, no = words[number % 3]
        cell = CELLS[number % len(CELLS)]
        rows.append(
            [f"{number}.png", *(yes if one in cell else no for one in ("red", "green", "blue"))]
        )
    _, by_column = made(sheet(Path("photos/wide.csv"), rows), "red, green,blue")
    assert torch.equal(by_cell.development.targets, by_column.development.targets)
    assert by_cell.fingerprint == by_column.fingerprint


@pytest.mark.parametrize(
    ("rows", "target", "task", "kind", "said"),
    [
        ([["a|b"], ["a"]], "tags", None, DataError, "several labels in a cell .* Add --task multi"),
        ([["1", "0"]], "tags,more", None, UsageError, "Where they are labels of yes and no, add"),
        ([["maybe", "0"]], "tags,more", "multilabel", DataError, "line 2: label 'tags' is 'maybe'"),
        ([["a"], [""]], "tags", "multilabel", DataError, "1 label is used; several labels"),
        ([["1", "0"]], "tags,mor", "multilabel", UsageError, "no such column; did you mean 'more'"),
        ([["a|b"], ["a"]], "tags", "multilabel", DataError, "class 'b' has fewer than 3"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_labels_is_said_in_a_line(
    rows: list[list[str]], target: str, task: str | None, kind: type[TunerError], said: str
) -> None:
    width = len(rows[0])
    table: list[list[object]] = [["file", *["tags", "more"][:width]]]
    for number in range(12):
        draw(Path(f"photos/{number}.png"), number)
        row = rows[min(number, len(rows) - 1)]
        table.append([f"{number}.png", *row])
    with pytest.raises(kind, match=said):
        made(sheet(Path("photos/tags.csv"), table), target, task)
