"""Bad tables: each gives one clear line, or a reported repair."""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import normalize

import pytest
import torch

from tests.own.tables import houses, loaded, with_column, without, write
from tuner.data.sources.folders import Folders
from tuner.errors import DataError, TunerError
from tuner.own.table.door import case_of, check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Form = Literal["NFC", "NFD"]

ROWS = houses()
COUNT = len(ROWS) - 1


def text(rows: list[list[str]] = ROWS, separator: str = ",", end: str = "\n") -> str:
    return "".join(separator.join(row) + end for row in rows)


def numbered(values: str) -> list[str]:
    """Return one value per row: the letters in turn."""
    return [values[number % len(values)] for number in range(COUNT)]


def in_column(row: int, value: str, name: str = "price") -> list[list[str]]:
    """Return the table with one cell changed."""
    found = [list(one) for one in ROWS]
    found[row][found[0].index(name)] = value
    return found


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("houses.csv", text())


WRONG: dict[str, tuple[Any, dict[str, str], str]] = {
    "empty": ("", {}, "is empty; name a CSV file with a header"),
    "blank": ("\n\n  \n", {}, "is empty"),
    "header only": (text(ROWS[:1]), {}, "has a header and no rows"),
    "one row": (text(ROWS[:2]), {}, "houses.csv: 1 row; a study needs 20 or more"),
    "no header": (text([["1", "2", "3"]] * 30), {}, "holds numbers .* and no names; add a header"),
    "one column": (text([["price"], *[["1"]] * 30]), {}, "has one column, 'price'"),
    "a column twice": (
        text([[*row, row[1]] for row in ROWS]),
        {},
        "more than one column of one name: 'size', 'size'; rename or remove",
    ),
    "a column twice but for case and space": (
        text([[*row, " Size " if row is ROWS[0] else row[1]] for row in ROWS]),
        {},
        r"of one name \(they differ in case or spaces alone\): 'size', 'Size'",
    ),
    "ragged": (
        text([*ROWS[:5], [*ROWS[5], "more"], *ROWS[6:]]),
        {},
        "the header has 8 cells, and row 5 has 9. Give each row as many cells",
    ),
    "many ragged": (
        text([*ROWS[:5], *[row[:-1] for row in ROWS[5:9]], *ROWS[9:]]),
        {},
        r"row 5 has 7 \(4 rows are like that\)",
    ),
    "zip": (zipped, {}, r"is a zip or Excel file \(.xlsx\); save the table as CSV"),
    "old Excel": (b"\xd0\xcf\x11\xe0" + bytes(100), {}, "is an old Excel file"),
    "gzip": (b"\x1f\x8b" + bytes(100), {}, "is a gzip file"),
    "folder": (lambda path: path.mkdir(), {}, "is a folder; name a CSV or Parquet file"),
    "absent": (lambda path: None, {}, "cannot be read: No such file"),
    "zero bytes": (b"a,b\n\0\0\0", {}, "is not text"),
    "a Parquet file cut short": (b"PAR1" + bytes(20), {}, "cannot be read as a Parquet file"),
    "no such target": (text(), {"target": "prize"}, "no column 'prize'; did you mean 'price'?"),
    "no such group": (text(), {"group": "twon"}, "no column 'twon'; did you mean 'town'?"),
    "group and time": (text(), {"group": "town", "time": "built"}, "name one of them"),
    "the target as a group": (text(), {"group": "price"}, "is the target"),
    "too few groups": (text(), {"group": "plan"}, "--group has 4 different values; it needs 7"),
    "a time that is none": (text(), {"time": "town"}, "--time town is neither a date nor a number"),
    "a time with gaps": (
        text(in_column(3, "", "built")),
        {"time": "built"},
        "1 row has no value in --time built",
    ),
    "target is an id": (text(), {"target": "id"}, "a different whole number in each row, as an id"),
    "target is a date": (text(), {"target": "built"}, "is a date; a target is a number or a class"),
    "target is the same": (
        text(with_column(ROWS, "price", ["7"] * COUNT)),
        {},
        "target 'price' is '7' in all rows",
    ),
    "target without values": (
        text(with_column(ROWS, "price", ["NA"] * COUNT)),
        {},
        "has no value in any row",
    ),
    "one class": (
        text(with_column(ROWS, "dear", ["", *["dear"] * (COUNT - 1)])),
        {"target": "dear"},
        "is 'dear' in all rows, so there is nothing to learn",
    ),
    "a class with one row": (
        text(in_column(4, "free", "dear")),
        {"target": "dear"},
        "only one row of class 'free'",
    ),
    "a class a row": (
        text(with_column(ROWS, "dear", [f"house {number}" for number in range(COUNT)])),
        {"target": "dear"},
        "has 60 different values in 60 rows, as an id or free text has",
    ),
    "text in a regression": (
        text(in_column(7, "cheap")),
        {"task": "regression"},
        "row 7 of target 'price' is 'cheap', which is not a number",
    ),
    "infinite target": (text(in_column(9, "-inf")), {}, "row 9 of target 'price' is infinite"),
    "a target too large": (text(in_column(9, "1e999")), {}, "row 9 .* too large for a number"),
    "targets too large to compute with": (
        text(with_column(ROWS, "price", [f"{n}.5e155" for n in range(COUNT)])),
        {},
        r"the numbers of target 'price' are too large .* 5e\+154 and 5.95e\+156, .*; divide all",
    ),
    "targets too small to compute with": (
        text(with_column(ROWS, "price", [f"{n}.5e-200" for n in range(COUNT)])),
        {},
        "the numbers of target 'price' are too small .* 5e-201 and 5.95e-199, .*; multiply all",
    ),
    "a number too large": (
        text(in_column(9, "1e999", "size")),
        {},
        "row 9 of column 'size' is '1e999', which is too large",
    ),
    "comments before the header": (
        "# made by a program\n# in May\n" + text(),
        {},
        "begins with '# made by a program', and the header has to be the first line; remove",
    ),
    "the separator for Excel": (
        "sep=;\n" + text(separator=";"),
        {},
        "begins with 'sep=;', and the header has to be the first line",
    ),
    "a comment after the rows": (
        text() + "# end\n",
        {},
        "the header has 8 cells, and row 61 has 1. Give each row as many cells",
    ),
    "a comment before a header of the same length": (
        "#,x,y\n# in May\n",
        {"target": "y"},
        "the header has 3 cells, and row 1 has 1. Give",
    ),
    "a word among numbers to predict": (
        text(in_column(5, "unknown")),
        {},
        "an id or free text has; a class needs several rows; without 'unknown' all would be num",
    ),
    "a word among few numbers to predict": (
        text(with_column(ROWS, "price", ["?", "old", *[n // 2 + n / 100 for n in range(58)]])),
        {},
        r"as an id or free text has; .*; without 'old' all would be numbers: correct these cells",
    ),
    "a word among times": (
        text(in_column(5, "soon", "built")),
        {"time": "built"},
        "neither a date nor a number .each value occurs once, .*; without 'soon' all would be da",
    ),
    "more classes than test rows": (
        text(with_column(ROWS, "dear", [f"class {n // 2}" for n in range(COUNT)])),
        {"target": "dear"},
        "there are 30 classes, and a fifth of 60 rows is 12, so not every class can be tested; add",
    ),
    "a class of the latest rows": (
        text(with_column(ROWS, "dear", ["old"] * 30 + ["new"] * 25 + ["newest"] * 5)),
        {"target": "dear", "time": "built"},
        r"all rows of class 'newest' are test rows \(the 12 latest\), so there are none to learn",
    ),
    "a number too large after a row without a target": (
        text([*in_column(9, "1e999", "size")[:1], *in_column(9, "1e999", "size")[1:]]).replace(
            ROWS[1][6], "", 1
        ),
        {},
        "row 9 of column 'size' is '1e999', which is too large",
    ),
    "nothing to learn from": (
        text([row[:1] + row[6:7] for row in ROWS]),
        {},
        "no column is left to learn from .'id': a different whole number in each row",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_bad_table_ends_in_one_clear_line(kind: str, tmp_path: Path) -> None:
    content, given, said = WRONG[kind]
    path = tmp_path / "houses.csv"
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    with pytest.raises(TunerError, match=said) as raised:
        loaded(path, **{"target": "price", **given})
    assert "\n" not in str(raised.value)


REPAIRED: dict[str, tuple[Callable[[], bytes], str]] = {
    "byte order mark": (lambda: b"\xef\xbb\xbf" + text().encode(), ""),
    "Windows line ends": (lambda: text(end="\r\n").encode(), ""),
    "old Mac line ends": (lambda: text(end="\r").encode(), ""),
    "empty lines": (lambda: text(end="\n\n").encode(), ""),
    "spaces around cells": (lambda: text(separator=" , ").encode(), ""),
    "semicolons": (lambda: text(separator=";").encode(), "separated by semicolons"),
    "tabs": (lambda: text(separator="\t").encode(), "separated by tabs"),
    "bars": (lambda: text(separator="|").encode(), "separated by vertical bars"),
    "UTF-16": (lambda: text().encode("utf-16"), "The file is in UTF-16"),
    "decimal commas": (
        lambda: text(separator=";").replace(".", ",").encode(),
        "separated by semicolons",
    ),
    "all quoted": (lambda: text([[f'"{cell}"' for cell in row] for row in ROWS]).encode(), ""),
}


@pytest.mark.parametrize("kind", REPAIRED)
def test_a_table_written_in_another_way_is_the_same_data(kind: str, tmp_path: Path) -> None:
    write(tmp_path / "plain.csv", ROWS)
    make, note = REPAIRED[kind]
    (tmp_path / "other.csv").write_bytes(make())
    plain, other = (loaded(tmp_path / f"{name}.csv") for name in ("plain", "other"))
    assert other.fingerprint == plain.fingerprint
    assert other.table is not None
    assert any(note in one for one in other.table.notes) or not note


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("proof", [False, True], ids=["points", "decimal commas"])
def test_commas_are_between_thousands_unless_the_file_has_decimal_commas(
    separator: str, proof: bool, tmp_path: Path
) -> None:
    salaries, distances = ("950", "1,200", "85,000"), ("0.125", "1.250", "-3.375")
    rows = with_column(ROWS, "salary", [salaries[n % 3] for n in range(COUNT)])
    rows = with_column(rows, "distance", [distances[n % 3] for n in range(COUNT)])
    if proof:
        rows = with_column(rows, "share", [f"{n % 7 / 2}".replace(".", ",") for n in range(COUNT)])
    data = loaded(write(tmp_path / "table.csv", rows, separator))
    assert data.table is not None
    why = {one.name: one.why for one in data.table.columns}
    marks = "numbers with decimal commas" if proof else "numbers with commas between thousands"
    assert (why["salary"], why["distance"]) == (marks, "all are numbers")
    values = dict(zip(data.columns, data.development.features.T.tolist(), strict=True))
    assert set(values["salary"]) == ({950, 1.2, 85} if proof else {950, 1200, 85000})
    assert set(values["distance"]) == {0.125, 1.25, -3.375}


def test_what_is_not_utf_8_is_read_as_windows_1252_and_said(tmp_path: Path) -> None:
    rows = with_column(ROWS, "town", numbered("äöü"))
    (tmp_path / "table.csv").write_bytes(text(rows).encode("cp1252"))
    table = loaded(tmp_path / "table.csv").table
    assert table is not None
    (town,) = (one for one in table.columns if one.name == "town")
    assert set(town.values) == set("äöü")
    assert "read as Windows-1252" in table.notes[0]


def test_lines_within_quotes_are_text(tmp_path: Path) -> None:
    rows = with_column(ROWS, "town", numbered(["a\nb", "c", "d;e"]))  # type: ignore[arg-type]
    table = loaded(write(tmp_path / "table.csv", rows)).table
    assert table is not None
    (town,) = (one for one in table.columns if one.name == "town")
    assert set(town.values) == {"a\nb", "c", "d;e"}


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    data = loaded(write(tmp_path / "table.csv", in_column(5, "NA")))
    assert data.table is not None
    assert len(data.development) + data.test.rows == COUNT - 1
    assert "1 row without a target 'price' was left out." in data.table.notes


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    rows = [["" if cell == "id" else cell for cell in row] for row in ROWS]
    table = loaded(write(tmp_path / "table.csv", rows)).table
    assert table is not None
    assert table.columns[0].name == "column 1"
    assert table.notes == ("The column without a name is called 'column 1'.",)


def test_infinite_numbers_are_missing_and_said(tmp_path: Path) -> None:
    data = loaded(write(tmp_path / "table.csv", in_column(4, "inf", "size")))
    assert data.table is not None
    (size,) = (one for one in data.table.columns if one.name == "size")
    assert "inf is a missing value" in size.why


@pytest.mark.parametrize("columns", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_many_columns(columns: int, tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    drawn = torch.randn(40, columns, generator=random)
    drawn[:, -1] = 1
    cells = drawn.tolist()
    rows = [[f"x{n}" for n in range(columns)], *[[f"{cell:.3f}" for cell in row] for row in cells]]
    data = loaded(write(tmp_path / "wide.csv", rows), target="x0")
    assert data.row_shape == (columns - 2,)
    assert data.table is not None
    shown = data.table.in_words().splitlines()
    assert len(shown) < 40
    assert f"x{columns - 1} left out the same in all rows" in [
        " ".join(one.split()) for one in shown
    ]


def test_few_whole_numbers_are_classes_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", with_column(ROWS, "price", numbered("123")))
    data = loaded(path)
    assert data.classes == ("1", "2", "3")
    assert data.table is not None
    assert "--task regression takes it as a number" in data.table.notes[0]
    assert loaded(path, task="regression").classes == ()
    assert loaded(path, target="dear").classes == ("cheap", "dear")


def test_classes_of_numbers_are_in_their_order(tmp_path: Path) -> None:
    cells = numbered(["10", "9", "100"])  # type: ignore[arg-type]
    path = write(tmp_path / "table.csv", with_column(ROWS, "price", cells))
    assert loaded(path).classes == ("9", "10", "100")


@pytest.mark.parametrize(
    ("cells", "classes", "left"),
    [
        (["yes", "no", "NA"], ("no", "yes"), 40),
        (["True", "False", "nan"], ("False", "True"), 40),
        (["Yes", "yes", "yes", "no", "No", "no"], ("no", "yes"), 60),
        (["1", "1.0", "1", "0", "0.0", "0"], ("0", "1"), 60),
        (["cat", "dog", "NA"], ("NA", "cat", "dog"), 60),
    ],
)
def test_a_class_has_one_spelling_and_yes_or_no_may_be_missing(
    cells: list[str], classes: tuple[str, ...], left: int, tmp_path: Path
) -> None:
    values = [cells[n % len(cells)] for n in range(COUNT)]
    data = loaded(write(tmp_path / "table.csv", with_column(ROWS, "price", values)))
    assert data.classes == classes
    assert len(data.development) + data.test.rows == left * COUNT // 60
    assert data.table is not None
    told = " ".join(data.table.notes)
    assert ("'NA' is a class" in told) == ("NA" in classes)
    assert ("rows without a target 'price' were left out" in told) == (left < 60)


@pytest.mark.parametrize("other", ["Cat", "\uff43\uff41\uff54", "CAT"])
def test_classes_that_differ_in_case_alone_are_refused(other: str, tmp_path: Path) -> None:
    values = ["cat", "dog", other] * (COUNT // 3)
    path = write(tmp_path / "table.csv", with_column(ROWS, "price", values))
    with pytest.raises(DataError, match="differ only in case or spaces; write them the same way"):
        loaded(path)


def test_an_umlaut_may_be_written_as_one_character_or_two(tmp_path: Path) -> None:
    rows = with_column(ROWS, "Gr\u00f6\u00dfe", numbered("\u00e4\u00f6\u00fc"))
    rows[0][0] = "Fl\u00e4che"
    split = [[normalize("NFD", cell) for cell in row] for row in rows]
    one, two = (
        loaded(write(tmp_path / f"{place}.csv", table)) for place, table in enumerate((rows, split))
    )
    assert rows != split
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_a_target_may_be_named_in_either_way(form: Form, typed: Form, tmp_path: Path) -> None:
    rows = [[normalize(form, "Gr\u00f6\u00dfe"), *row[1:]] for row in ROWS[:1]] + ROWS[1:]
    path = write(tmp_path / "table.csv", with_column(rows, "id", numbered("123")))
    named = {"data": str(path), "target": normalize(typed, "Gr\u00f6\u00dfe"), "task": "regression"}
    check(named, Folders())
    assert case_of(named).dataset(Folders()).table is not None


@pytest.mark.parametrize("address", ["https://example.org/a.csv", "s3://bucket/a.csv"])
def test_an_address_is_no_file(address: str) -> None:
    with pytest.raises(DataError, match="is an address; download the file, and name it"):
        check({"data": address, "target": "price"}, Folders())


def test_a_pipe_cannot_be_learnt_from(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "pipe")
    with pytest.raises(DataError, match=r"pipe is a pipe, which can be read once; .* to a file"):
        check({"data": str(path), "target": "price"}, Folders())


def test_a_table_that_does_not_fit_into_memory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("tuner.own.table.data.features_of", fail)
    path = write(tmp_path / "table.csv", ROWS)
    with pytest.raises(DataError, match=r"table.csv \(0 MiB\) does not fit into memory, .*"):
        loaded(path)


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("Yes", "no"), ("y", "N"), ("on", "OFF")])
def test_yes_is_the_last_class_however_it_is_written(yes: str, no: str, tmp_path: Path) -> None:
    """Scikit-learn's scores of one class, such as f1, refer to the last class."""
    answers = [yes if number % 3 else no for number in range(COUNT)]
    data = loaded(write(tmp_path / "table.csv", with_column(ROWS, "dear", answers)), target="dear")
    assert data.classes == (no, yes)


def test_an_id_can_be_a_target_if_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", without(ROWS, "plan"))
    assert loaded(path, target="id", task="regression").classes == ()


def test_classes_with_marks_between_thousands_are_in_the_order_of_their_numbers(
    tmp_path: Path,
) -> None:
    names = ["950", "1.234,5", "1.234.567"]
    rows = with_column(ROWS, "size of it", [names[n % 3] for n in range(COUNT)])
    given = {"target": "size of it", "task": "classification"}
    data = loaded(write(tmp_path / "table.csv", rows, ";"), **given)
    assert data.classes == ("950", "1.234,5", "1.234.567")


def test_an_id_with_marks_between_thousands_can_be_a_target(tmp_path: Path) -> None:
    rows = with_column(ROWS, "count", [f"{990 + n:,}" for n in range(COUNT)])
    path = write(tmp_path / "table.csv", rows, "\t")
    data = loaded(path, target="count", task="regression")
    assert sorted(data.development.targets.flatten().tolist())[0] >= 990
