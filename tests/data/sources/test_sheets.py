"""Lines before the header, and what a table for training needs but new rows do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tuner.data.sources.sheets import read_sheet
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def csv_of(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("empty", ["\n", "\r\n\r\n", "\r", "  \n\t\n\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_empty_lines_before_the_header_are_passed_over(
    empty: str, separator: str, encoding: str, tmp_path: Path
) -> None:
    lines = ["size,town", "1,a", "", "2,b"]
    text = empty + "\n".join(lines).replace(",", separator) + "\n"
    sheet = read_sheet(csv_of(tmp_path, text, encoding))
    assert sheet.names == ("size", "town")
    assert [column.to_pylist() for column in sheet.cells] == [["1", "2"], ["a", "b"]]
    assert sheet.separator == separator


def test_rows_are_counted_from_the_header_on(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "\n\nsize,town\n1,a\n\n2\n3,c\n")
    with pytest.raises(DataError, match="the header has 2 cells, and row 2 has 1"):
        read_sheet(path)


def test_a_name_without_text_is_no_empty_line(tmp_path: Path) -> None:
    sheet = read_sheet(csv_of(tmp_path, "\tsize\n1\t2\n"))
    assert sheet.names == ("column 1", "size")
    sheet = read_sheet(csv_of(tmp_path, '"\n",size\n1,2\n'))
    assert sheet.names == ("column 1", "size")


@pytest.mark.parametrize("header", ["1,2", " 1 , 2.5"])
def test_a_first_line_of_numbers_is_no_header(header: str, tmp_path: Path) -> None:
    path = csv_of(tmp_path, f"\n{header}\n3,4\n")
    with pytest.raises(DataError, match=r"the first line holds numbers \(1, 2.*\) and no names"):
        read_sheet(path)
    with pytest.raises(DataError, match="the first line holds numbers"):
        read_sheet(path, needed=["size"])


def test_one_column_is_enough_to_predict_and_too_few_to_learn(tmp_path: Path) -> None:
    path = csv_of(tmp_path, '\nsize\n1\n""\n')
    assert read_sheet(path, needed=["size"]).cells[0].to_pylist() == ["1", ""]
    with pytest.raises(DataError, match="has one column, 'size'; a table needs a target"):
        read_sheet(path)
