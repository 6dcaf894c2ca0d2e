from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tuner.bundle.tables import Table
from tuner.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("empty", ["", "\n", "\r\n\n"])
def test_empty_lines_are_passed_over_and_still_counted(empty: str, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(f"{empty}y,x\n1,2\n\n3,4\n".encode())
    table = Table(path, ["x", "y"], ())
    assert table.header == ["y", "x"]
    ((cells, features),) = table.parts(10)
    assert cells == [["1", "2"], ["3", "4"]]
    assert features.tolist() == [[2, 1], [4, 3]]
    path.write_bytes(f"{empty}y,x\n1,2\n\n3,?\n".encode())
    with pytest.raises(UsageError, match=f"line {empty.count(chr(10)) + 4}, column x: '\\?'"):
        list(Table(path, ["x", "y"], ()).parts(10))
