"""How the numbers of a column are written: a comma or point may be either separator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tuner.data.sources.kinds import as_numbers, decide, has_decimal_commas

if TYPE_CHECKING:
    from collections.abc import Sequence

THOUSANDS = "numbers with commas between thousands"
DECIMAL = "numbers with decimal commas"
PLAIN = "all are numbers"


@pytest.mark.parametrize(
    ("cells", "proof"),
    [
        (["950", "1,200", "85,000", "12,500"], False),
        (["-1,200", "+85,000"], False),
        (["1,200", "1.250"], False),
        (["1,234,567", "0"], False),
        (["1,200", "NA", "", "-"], False),
        (["1.250", "0.125"], False),
        (["12", "7"], False),
        (["1,5", "town"], False),
        (["NA", ""], False),
        (["1,200", "85,5"], True),
        (["1,200", "85,25"], True),
        (["1,2005", "2,125"], True),
        (["0,125", "1,250", "3,375"], True),
        (["-0,125", "-1,250"], True),
        (["00,125", "1,250"], True),
        (["1234,567", "1,250"], True),
        (["1.234,567", "1,250"], True),
        (["1.234.567", "1,250"], True),
        (["NA", "0,5", "inf"], True),
    ],
)
def test_what_proves_decimal_commas(cells: Sequence[str], proof: bool) -> None:
    assert has_decimal_commas(pa.array(cells)) == proof


@pytest.mark.parametrize(
    ("cells", "commas", "numbers", "why"),
    [
        (["950", "1,200", "85,000"], False, [950, 1200, 85000], THOUSANDS),
        (["-1,200", "+85,000.5"], False, [-1200, 85000.5], THOUSANDS),
        (["950", "1,200", "-85,000"], True, [950, 1.2, -85], DECIMAL),
        (["1,200", "1,234,567"], True, [1200, 1234567], THOUSANDS),
        (["1,200", "0.125"], True, [1200, 0.125], THOUSANDS),
        (["0.125", "1.250", "3.375"], True, [0.125, 1.25, 3.375], PLAIN),
        (["-0.125", "1.250"], True, [-0.125, 1.25], PLAIN),
        (["1.250", "3.5"], True, [1.25, 3.5], PLAIN),
        (["1.250", "-3.375", "0"], True, [1250, -3375, 0], DECIMAL),
        (["0,125", "1.250,5"], True, [0.125, 1250.5], DECIMAL),
    ],
)
def test_a_mark_is_read_as_the_column_and_the_file_have_it(
    cells: Sequence[str], commas: bool, numbers: Sequence[float], why: str
) -> None:
    column = decide("column", pa.array(cells), commas=commas)
    assert (column.kind, column.why) == ("number", why)
    assert as_numbers(column, pa.array(cells)).tolist() == numbers


@pytest.mark.parametrize("cells", [["0,125", "1,250"], ["0,125", "0.125"], ["1,5", "2.5"]])
def test_what_is_neither_is_no_number(cells: Sequence[str]) -> None:
    assert decide("column", pa.array(cells), commas=False).kind == "category"


def test_new_rows_are_not_read_as_another_number() -> None:
    for cells, commas, wrong in (
        (["1,200", "950"], False, "0,125"),
        (["1,5", "950"], True, "0.125"),
    ):
        column = decide("column", pa.array(cells), commas=commas)
        with pytest.raises(ValueError, match="does not fit its column"):
            as_numbers(column, pa.array([wrong]))


def test_an_id_keeps_how_it_is_written() -> None:
    cells = pa.array([f"{number:,}" for number in range(990, 1020)])
    column = decide("column", cells, commas=False)
    assert (column.kind, column.form) == ("left out", "thousands")
    assert decide("column", pa.array(list(map(str, range(30)))), commas=True).form == ""
