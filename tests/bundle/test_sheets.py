"""A data frame is read like its file, or refused; and files with few columns are read."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.making import make_brief
from tests.own.tables import houses, loaded, with_column, without, write
from tuner.bundle.bundle import Bundle
from tuner.bundle.interface import Interface
from tuner.bundle.model import Model
from tuner.bundle.prediction import predict_tables
from tuner.bundle.sheets import Sheets, features_of_frame
from tuner.case.contract import shape_of
from tuner.case.reference import to_door
from tuner.data.reading import BY_COLUMNS
from tuner.data.splits import folds
from tuner.data.table import Column, Table
from tuner.errors import DataError, UsageError
from tuner.training.fitting import fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

NAN = float("nan")


class Frame:
    """A stand-in for a data frame: pandas may not be installed."""

    def __init__(self, cells: Mapping[Any, Sequence[object]]) -> None:
        self._cells = dict(cells)
        self.columns = list(cells)

    def __getitem__(self, key: object) -> Iterator[object]:
        return iter(self._cells[key])


class NA:
    """A stand-in for `pandas.NA`: its comparison with itself has no truth value."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __str__(self) -> str:
        return "<NA>"


MISSING = [None, NAN, np.float64("nan"), np.datetime64("NaT", "s"), Decimal("NaN"), NA()]


def number(name: str = "size", form: str = "") -> Column:
    return Column(name=name, kind="number", why="all are numbers", form=form, missing=1)


def category(*values: str) -> Column:
    return Column(name="town", kind="category", why="text", values=values)


def sold(form: str = "ymd") -> Column:
    return Column(
        name="sold",
        kind="date",
        why="dates",
        form=form,
        parts=("days", "month", "day", "weekday", "hour"),
    )


def a_table(*columns: Column) -> Table:
    return Table(columns=columns, target=Column(name="price", kind="number", why=""))


def of_frame(column: Column, *cells: object) -> NDArray[np.float64]:
    """Return the features of a frame with one column."""
    found = features_of_frame(a_table(column), Frame({column.name: cells})).numpy()
    assert found.dtype == np.float64
    return np.asarray(found)


def of_file(column: Column, folder: Path, *cells: str) -> NDArray[np.float64]:
    """Return the features of a CSV file with that column; semicolons separate cells."""
    path = write(folder / "new.csv", [["n", column.name], *[["1", one] for one in cells]], ";")
    ((_, features),) = Sheets(path, a_table(column), ()).parts(100)
    return features.numpy()


@pytest.mark.parametrize(
    ("column", "text", "cells"),
    [
        (number(), "12.5", [12.5, "12.5", " 12.5 ", np.float64(12.5), np.float32(12.5)]),
        (number(), "3", [3, 3.0, np.int64(3), Decimal(3), Decimal("3.0"), "3.00"]),
        (number(), "1e-07", [1e-7, "1e-7", Decimal("1E-7")]),
        (number(), "", [*MISSING, "", "NA", float("inf")]),
        (number(form=","), "1,234", [1.234, "1,234", np.float64(1.234), Decimal("1.234")]),
        (number(form=","), "0,125", [0.125, np.float32(0.125), "0,125"]),
        (number(form=","), "-0,0000001", [-1e-7, "-0,0000001"]),
        (number(form=","), "12000000000000000000000", [1.2e22, 12 * 10**21]),
        (number(form=","), "1.234", [1234, 1234.0, "1.234", "1234"]),
        (number(form=","), "", [*MISSING, "", float("-inf")]),
        (number(form="thousands"), "1,234.5", [1234.5, "1,234.5", "1234.5"]),
        (number(form="thousands"), "1e-07", [1e-7]),
        (sold(), "2024-03-01", [date(2024, 3, 1), datetime(2024, 3, 1), "2024-03-01"]),
        (sold(), "2024-03-01", [np.datetime64("2024-03-01"), np.datetime64(1709251200, "s")]),
        (sold(), "2024-03-01T07:30", [datetime(2024, 3, 1, 7, 30, 12), "2024-03-01 07:30:59"]),
        (sold(), "2024-03-01 07:30+02:00", [datetime(2024, 3, 1, 7, 30, tzinfo=UTC)]),
        (
            sold(),
            "2024-03-01 07:30+02:00",
            [datetime(2024, 3, 1, 7, 30, tzinfo=timezone(timedelta(hours=2)))],
        ),
        (sold("dmy"), "01.03.2024", [date(2024, 3, 1), np.datetime64("2024-03-01"), "1/3/2024"]),
        (sold("mdy"), "03/01/2024", [date(2024, 3, 1), datetime(2024, 3, 1), "3/1/2024"]),
        (sold(), "", [*MISSING, "", "NaT"]),
        (category("", "a"), "", [*MISSING, ""]),
        (category("a"), "", [*MISSING, ""]),
        (category("a", "b"), "b", ["b", " b", np.str_("b")]),
        (category("3", "A3"), "3", [3, 3.0, np.int64(3), np.float64(3), Decimal("3.0")]),
        (category("3", "A3"), "4", [4, 4.0, "4"]),
        (category("2.5", "x"), "2.5", [2.5, np.float32(2.5)]),
        (
            category("12345678901234567", "12345678901234568"),
            "12345678901234567",
            [12345678901234567],
        ),
        (category("007", "100"), "100", [100, 100.0, "100"]),
        (category("007", "100"), "007", ["007"]),
        (category("007", "100"), "5", [5]),  # unknown, as 005 is
        (category("true", "unclear"), "true", [True, np.True_, "true"]),
        (category("False", "unclear"), "False", [False]),
        (category("False", "unclear"), "True", [True]),
    ],
)
def test_a_cell_of_a_frame_is_that_of_the_file(
    column: Column, text: str, cells: list[object], tmp_path: Path
) -> None:
    expected = of_file(column, tmp_path, *[text] * len(cells))
    np.testing.assert_array_equal(of_frame(column, *cells), expected)


@pytest.mark.parametrize("form", ["", ",", "thousands"])
def test_a_number_of_parquet_is_what_it_is(form: str, tmp_path: Path) -> None:
    path, values = tmp_path / "new.parquet", [1.248, -0.248, 12345.0, 1e-7, float("nan")]
    pq.write_table(pa.table({"size": values, "n": [1, 2, 3, 4, 5]}), path)
    ((_, features),) = Sheets(path, a_table(number(form=form)), ()).parts(100)
    np.testing.assert_array_equal(features.numpy()[:, 0], values)


@pytest.mark.parametrize("form", ["ymd", "dmy", "mdy"])
def test_a_date_of_parquet_is_what_it_is(form: str, tmp_path: Path) -> None:
    path, moments = tmp_path / "new.parquet", [datetime(2024, 3, 1, 7, 30), None]
    pq.write_table(pa.table({"sold": moments, "n": [1, 2]}), path)
    ((_, features),) = Sheets(path, a_table(sold(form)), ()).parts(100)
    np.testing.assert_array_equal(features.numpy(), of_frame(sold(form), *moments))


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        (category("007", "100"), [100, 100, None]),
        (category("3", "A3"), [3.0, 4.0, None]),
        (category("2.0", "x"), [2.0, 7.5, NAN]),
        (category("2.50", "x"), [Decimal("7.50"), Decimal("8.50"), None]),
        (category("True", "unclear"), [True, False, None]),
        (Column(name="kind", kind="yes or no", why="", values=("no", "yes")), [True, False, None]),
    ],
)
def test_a_number_or_truth_of_parquet_among_texts_is_that_of_a_frame(
    column: Column, cells: list[object], tmp_path: Path
) -> None:
    pq.write_table(pa.table({column.name: cells, "n": [1, 2, 3]}), path := tmp_path / "new.parquet")
    ((_, features),) = Sheets(path, a_table(column), ()).parts(100)
    np.testing.assert_array_equal(features.numpy(), of_frame(column, *cells))


@pytest.mark.parametrize("cells", [[100, 7], [100.0, 7.0]])
def test_a_number_of_parquet_that_may_be_a_code_is_refused(
    cells: list[object], tmp_path: Path
) -> None:
    pq.write_table(pa.table({"code": cells, "n": [1, 2]}), path := tmp_path / "new.parquet")
    sheets = Sheets(path, a_table(replace(category("007", "100"), name="code")), ())
    with pytest.raises(DataError, match=r"new.parquet: row 2 of column 'code' is '7.*write the"):
        list(sheets.parts(100))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()])
def test_text_of_parquet_is_text_however_it_is_kept(kind: pa.DataType, tmp_path: Path) -> None:
    cells = {"sold": pa.array([b"05.01.2024"]).cast(kind), "size": pa.array([b"1,5"]).cast(kind)}
    pq.write_table(pa.table(cells), path := tmp_path / "new.parquet")
    ((_, features),) = Sheets(path, a_table(number(form=","), sold("dmy")), ()).parts(100)
    assert features.tolist() == [[1.5, 19727, 1, 5, 4, 0]]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.248", "12.5", "7"], [1.248, 12.5, 7]),  # as pandas writes what it has read
        (["1,248", "12,5", "7"], [1.248, 12.5, 7]),  # in quotes
        (["1.248", "12,5", "7"], [1248, 12.5, 7]),
        (["1.248", "7"], [1.248, 7]),
    ],
)
def test_points_are_decimal_where_commas_separate_cells_and_are_in_no_number(
    cells: list[str], values: list[float], tmp_path: Path
) -> None:
    path = write(tmp_path / "new.csv", [["n", "size"], *[["1", cell] for cell in cells]])
    ((_, features),) = Sheets(path, a_table(number(form=",")), ()).parts(100)
    assert features[:, 0].tolist() == values


def test_only_a_number_that_is_too_large_is_said_to_be_so(tmp_path: Path) -> None:
    for cell, said in (("1e999", "is too large for a number"), ("0.5", "does not fit the column")):
        with pytest.raises(DataError, match=said):
            of_file(number(form=","), tmp_path, "1,5", cell)


@pytest.mark.parametrize("pair", [("no", "yes"), ("false", "true"), ("n", "y")])
def test_yes_or_no_may_be_text_or_truth(pair: tuple[str, str], tmp_path: Path) -> None:
    column = Column(name="garden", kind="yes or no", why="", values=pair, missing=1)
    expected = of_file(column, tmp_path, pair[1], pair[0], "", pair[1].upper())
    for yes, no in ((True, False), (np.True_, np.False_), pair[::-1]):
        for missing in MISSING:
            found = of_frame(column, yes, no, missing, yes)
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        (("007", "012"), 7),
        (("007", "012"), 7.0),
        (("007", "012"), np.int64(12)),
        (("7", "007"), 7),
        (("3", "3.0"), 3.0),
        (("3.0", "x"), 3),
        (("2.50", "x"), 2.5),
        (("1,5", "x"), 1.5),
        (("1,500", "x"), 1500),
        (("12345678901234567", "12345678901234568"), 12345678901234567.0),
        (("true", "TRUE", "x"), True),
        (("yes", "no", "unclear"), True),
        (("2024-03-01", "unclear"), datetime(2024, 3, 1)),
        (("a", "b"), ["a"]),
        (("a", "b"), np.array(["a", "b"])),
        (("a", "b"), b"a"),
    ],
)
def test_a_cell_whose_text_cannot_be_known_is_refused(
    values: tuple[str, ...], cell: object
) -> None:
    with pytest.raises(
        DataError, match=r"row 2 of column 'town' is .*as text: with pandas, dtype={'town': str}"
    ):
        of_frame(category(*values), values[0], cell)


def test_a_missing_cell_is_refused_where_pandas_may_have_taken_a_value_for_it() -> None:
    column = category("", "DE", "NA")
    assert of_frame(column, "NA", "", "DE")[:, 0].tolist() == [3, 1, 2]
    for missing in MISSING:
        with pytest.raises(DataError, match=r"row 2 .* knows 'NA', .* keep_default_na=False"):
            of_frame(column, "DE", missing)


@pytest.mark.parametrize(
    ("column", "cell", "shown"),
    [
        (number(), "big", "big"),
        (number(), True, "True"),
        (number(), datetime(2024, 3, 1), "2024"),
        (number(form=","), "0.5", "0.5"),
        (number(), 10**400, "1000000"),
        (sold(), 2024, "2024"),
        (sold("dmy"), "2024-03-01", "2024-03-01"),
        (Column(name="garden", kind="yes or no", why="", values=("no", "yes")), 1, "1"),
    ],
)
def test_a_cell_that_does_not_fit_is_refused_as_in_a_file(
    column: Column, cell: object, shown: str
) -> None:
    with pytest.raises(DataError, match=f"row 2 of column '{column.name}' is '{shown}"):
        of_frame(column, None, cell)


def test_columns_are_found_as_a_file_names_them() -> None:
    table = a_table(number("column 1"), number("size"))
    found = features_of_frame(table, Frame({"Unnamed: 0": [1], " size ": [2], 3: [4]}))
    assert found.tolist() == [[1, 2]]
    assert features_of_frame(a_table(number("3")), Frame({3: [4]})).tolist() == [[4]]
    saved = a_table(number("Unnamed: 0"))
    assert features_of_frame(saved, Frame({"Unnamed: 0": [1]})).tolist() == [[1]]
    with pytest.raises(UsageError, match="the rows have no column 'column 1', 'size'"):
        features_of_frame(table, Frame({"x": [1], "Unnamed: 0": [2]}))
    with pytest.raises(UsageError, match="more than one column 'size'; rename"):
        features_of_frame(a_table(number()), Frame({"size": [1], "size ": [2]}))
    with pytest.raises(UsageError, match="there are no rows"):
        features_of_frame(a_table(number()), Frame({"size": []}))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model for houses, briefly trained; `plan` has codes, and `town` no NA."""
    folder = tmp_path_factory.mktemp("frames")
    rows = houses()
    towns = ["" if row[2] == "NA" else row[2] for row in rows[1:]]
    path = write(folder / "houses.csv", with_column(rows, "town", towns))
    config = make_brief(to_door("table", {"data": str(path), "target": "price"}), folder)
    data = config.dataset
    (fold, *_) = folds(data.development, data.validation, 0)
    running = fit(config.case, config.case.baseline, data, [fold], 0, config.plan, stop_after=2)
    while True:
        try:
            next(running)
        except StopIteration as end:
            (fitted,) = end.value
            break
    interface = Interface(
        shape_of(data), data.columns, (), BY_COLUMNS, (torch.float64,), table=data.table
    )
    return Bundle({}, interface, fitted, config.plan, config.case)


def as_pandas_reads(rows: list[list[str]]) -> dict[Any, list[object]]:
    """Return the cells of a file as pandas reads them if `plan` is text."""
    cells: dict[Any, list[object]] = {}
    for name, *column in zip(*rows, strict=True):
        cells[name] = [NAN if cell == "" else cell for cell in column]
    for name in ("id", "size", "price"):
        cells[name] = [float(str(cell)) for cell in cells[name]]
    cells["built"] = [
        np.datetime64("NaT" if cell is NAN else str(cell), "D") for cell in cells["built"]
    ]
    return cells


def test_a_model_says_of_a_frame_what_the_command_says_of_its_file(
    bundle: Bundle, tmp_path: Path
) -> None:
    rows = houses(seed=1)
    rows = [["" if cell == "NA" else cell for cell in row] for row in rows]
    rows[4][rows[0].index("built")] = ""
    path = write(tmp_path / "new.csv", without(rows, "price"))
    said = list(csv.DictReader(io.StringIO(predict_tables(bundle, [path], as_json=False))))
    model = Model(bundle)
    frame = as_pandas_reads(rows)
    found = model.predict(Frame(frame))
    assert found.tolist() == [float(row["prediction"]) for row in said]
    assert len(set(found.tolist())) > 50
    for other in ([rows[1]], np.array(rows[1], dtype=object), "new.csv", ["new.csv"]):
        with pytest.raises(UsageError, match="give a data frame with the columns of its file"):
            model.predict(other)
    frame["plan"] = [int(str(cell)) for cell in frame["plan"]]
    with pytest.raises(DataError, match=r"column 'plan' is '[0-3]' of type int, .* str}"):
        model.predict(Frame(frame))


def test_what_is_added_has_another_name_where_the_model_has_that_column(
    bundle: Bundle, tmp_path: Path
) -> None:
    rows = [["" if cell == "NA" else cell for cell in row] for row in houses(seed=1)]
    plain = predict_tables(bundle, [write(tmp_path / "new.csv", rows)], as_json=False)
    table = bundle.interface.table
    assert table is not None
    named = [replace(one, name=one.name.replace("size", "prediction")) for one in table.columns]
    interface = replace(bundle.interface, table=replace(table, columns=tuple(named)))
    rows[0][rows[0].index("size")] = "prediction"
    path = write(tmp_path / "new.csv", rows)
    found = predict_tables(replace(bundle, interface=interface), [path], as_json=False)
    assert found.splitlines()[0] == ",".join([*rows[0], "tuner prediction"])
    assert found.splitlines()[1:] == plain.splitlines()[1:]


def test_pandas_gives_what_the_command_gives(bundle: Bundle, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [["" if cell == "NA" else cell for cell in row] for row in houses(seed=1)]
    rows[4][rows[0].index("built")] = ""
    path = write(tmp_path / "new.csv", rows)
    said = list(csv.DictReader(io.StringIO(predict_tables(bundle, [path], as_json=False))))
    model = Model(bundle)
    for options in (
        {"dtype": {"plan": str}},
        {"dtype": str},
        {"dtype": str, "keep_default_na": False},
        {"dtype": {"plan": str}, "parse_dates": ["built"]},
        {"dtype": {"plan": str}, "true_values": ["yes"], "false_values": ["no"]},
    ):
        frame = pandas.read_csv(path, **options)
        for same in (frame, frame.convert_dtypes(), frame.astype(object)):
            found = model.predict(same)
            assert found.tolist() == [float(row["prediction"]) for row in said]
    with pytest.raises(DataError, match=r"column 'plan' is '[0-3]' of type int"):
        model.predict(pandas.read_csv(path))


def test_new_rows_may_have_one_column(tmp_path: Path) -> None:
    (path := tmp_path / "new.csv").write_text("size\n1.5\nNA\n3\n", encoding="utf-8")
    ((cells, features),) = Sheets(path, a_table(number()), ()).parts(100)
    assert cells == [["1.5"], ["NA"], ["3"]]
    np.testing.assert_array_equal(features[:, 0].numpy(), [1.5, NAN, 3])
    path.write_text("width\n1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="lacks the columns size; its first line has to name size"):
        Sheets(path, a_table(number()), ())
    path.write_text("size\n", encoding="utf-8")
    with pytest.raises(DataError, match="a header and no rows; there is nothing to predict"):
        Sheets(path, a_table(number()), ())


def test_new_rows_may_have_names_that_are_numbers_if_the_model_has(tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", [["2019", "2020"], ["1", "2"]])
    ((_, features),) = Sheets(path, a_table(number("2020"), number("2019")), ()).parts(100)
    assert features.tolist() == [[2, 1]]
    with pytest.raises(DataError, match=r"the first line holds numbers \(2019, 2020, ...\)"):
        Sheets(path, a_table(number()), ())


def test_a_table_to_learn_from_still_needs_two_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", [["price"], *[["1"]] * 30])
    with pytest.raises(DataError, match="has one column, 'price'; a table needs a target"):
        loaded(path)
