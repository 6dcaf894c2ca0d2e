"""The data set of a table: columns, test rows, folds, and oddities."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from tests.data.making import opened
from tests.own.tables import houses, loaded, with_column, without, write
from tuner.case.loading import load_case
from tuner.case.reference import to_door
from tuner.case.source import source_of
from tuner.case.space import check_arms, check_inside
from tuner.data import cache
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.dates import as_moments, as_part
from tuner.data.sources.kinds import decide
from tuner.data.splits import GroupFolds, KFold, TimeFolds
from tuner.errors import DataError, UsageError
from tuner.own.options import read
from tuner.own.table.given import Given
from tuner.own.table.space import make_case, settle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuner.data.dataset import Dataset
    from tuner.data.table import Column


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "houses.csv", houses(200))


def columns_of(data: Dataset) -> dict[str, Column]:
    assert data.table is not None
    return {column.name: column for column in data.table.columns}


@pytest.mark.parametrize(
    ("cells", "kind", "why"),
    [
        (["1", "2.5", "-3e2"], "number", "all are numbers"),
        (["1", "", "NA", "n/a", "7"], "number", "NA, n/a is a missing value"),
        (["001", "020", "300"], "category", "codes with leading zeros, 3 values"),
        (["0", "10", "0.5"], "number", "all are numbers"),
        (["NA", "DE", "US"], "category", "text, 3 values"),
        (["1,234", "1,234,567.5", "12"], "number", "commas between thousands"),
        (["1,5", "2", "3"], "category", "text, 3 values"),
        ([f"{n},{n}5" for n in range(12)], "number", "numbers with decimal commas"),
        ([f"{n + 1}.234.567" for n in range(12)], "number", "numbers with decimal commas"),
        ([f"{n},{n},{n}" for n in range(12)], "category", "text, 12 values"),
        ([f"{n + 1}.234" for n in range(12)], "number", "three decimals each: no points between"),
        ([f"{n + 1}.234" for n in range(9)], "number", "all are numbers"),
        (["yes", "No", "", "YES"], "yes or no", "no is 0, yes is 1"),
        (["yes", "no", "perhaps"], "category", "text, 3 values"),
        (["TRUE", "false"], "yes or no", "false is 0, true is 1"),
        (["2024-12-31", "2024-01-01"], "date", "dates, written year, month, day"),
        (["2024-12-31T10:00:00Z", "2024-01-01 09:30"], "date", "year, month, day"),
        (["31.12.2024", "01.02.2024", ""], "date", "day, month, year"),
        (["12/31/2024", "1/2/2024"], "date", "month, day, year"),
        (["13/2/2024", "1/2/2024"], "date", "day, month, year"),
        (["1/2/2024", "3/1/2024"], "date", "day, month, year; month, day, year would fit too"),
        (["8/7/2024", "9/7/2024", "1/8/2024"], "date", "written day, month, year;"),
        (["7/8/2024", "7/9/2024", "8/1/2024"], "date", "written month, day, year;"),
        (["8/1/2024", "7/9/2024", "7/8/2024"], "date", "written month, day, year;"),
        ([f"{n % 12 + 1}/1/{2012 + n // 12}" for n in range(36)], "date", "month, day, year;"),
        ([f"1/{n % 12 + 1}/{2012 + n // 12}" for n in range(36)], "date", "day, month, year;"),
        (["2024-02-30", "2024-01-01"], "category", "text, 2 values"),
        (["12/31/2024", "31/12/2024"], "category", "text, 2 values"),
        (["", " ", "NaN"], "left out", "no row has a value"),
        (["x", "x", "x"], "left out", "the same in all rows"),
        (["x", "", "x"], "category", "text, 1 values"),
        ([str(n) for n in range(30)], "left out", "a different whole number in each row"),
        ([f"u{n}" for n in range(30)], "left out", "each value occurs once"),
        ([f"a b c d {n % 25}" for n in range(60)], "left out", "free text"),
        ([str(n % 7) for n in range(30)], "number", "all are numbers"),
        (["1_000", "2"], "category", "text, 2 values"),
        (["0x10", "2"], "category", "text, 2 values"),
        (["1e5", "inf", "2"], "number", "inf is a missing value"),
    ],
)
def test_what_a_column_is_is_decided_by_all_its_rows(
    cells: Sequence[str], kind: str, why: str
) -> None:
    found = decide("column", pa.array([cell.strip() for cell in cells]), commas=False)
    assert (found.kind, why in found.why) == (kind, True), found


def test_with_decimal_commas_a_point_stands_between_thousands() -> None:
    found = decide("column", pa.array(["1.234,5", "7", "2.000"]), commas=True)
    assert (found.kind, found.form) == ("number", ",")


NUMBERS = [878, 1701, 5526, 12300, 999, 1000, 250, 2001, 3002, 4003, 5004, 6005, 7006, 8007]


@pytest.mark.parametrize("numbers", [NUMBERS, [n * 1000 + 1 for n in NUMBERS]])
def test_points_between_thousands_are_seen(numbers: list[int], tmp_path: Path) -> None:
    """In a file with semicolons and without commas: 878 and 1.701, and 1.701.001."""
    cells = [f"{numbers[n % len(numbers)]:,}".replace(",", ".") for n in range(60)]
    rows = with_column(without(houses(), "size", "price"), "count", cells)
    data = loaded(write(tmp_path / "table.csv", rows, ";"), target="dear")
    assert columns_of(data)["count"].why == "numbers with decimal commas"
    values = data.development.features[:, data.columns.index("count")].tolist()
    assert set(values) <= set(numbers)
    target = loaded(tmp_path / "table.csv", target="count", task="regression").development.targets
    assert set(target.flatten().tolist()) <= set(numbers)


def test_a_target_with_three_decimals_is_pointed_at(tmp_path: Path) -> None:
    rows = with_column(houses(), "price", [f"{n + 1}.{n * 7 + 100}" for n in range(60)])
    table = loaded(write(tmp_path / "table.csv", rows, ";")).table
    assert table is not None
    assert "remove the points" in table.notes[-1]


@pytest.mark.parametrize("high", [1e39, -1.7976931348623157e308])
@pytest.mark.parametrize("target", ["price", "dear"])
def test_a_column_may_have_numbers_that_float32_has_not(
    high: float, target: str, tmp_path: Path
) -> None:
    rows = with_column(houses(90), "mark", [high if n % 9 else n for n in range(90)])
    data = loaded(write(tmp_path / "table.csv", rows), target=target)
    assert columns_of(data)["mark"].kind == "number"


def test_parts_of_a_date() -> None:
    cells = pa.array(["2024-02-29 18:30", "", "1969-12-31"])
    column = decide("column", cells, commas=False)
    assert column.parts == ("days", "month", "day", "weekday", "hour")
    parts = {part: as_part(column, cells, part).tolist() for part in column.parts}
    assert parts["days"][0] == pytest.approx(19782 + 18.5 / 24)
    assert np.isnan(parts["days"][1])
    assert [values[0] for values in list(parts.values())[1:]] == [2.0, 29.0, 3.0, 18.0]
    assert [values[2] for values in parts.values()] == [-1.0, 12.0, 31.0, 2.0, 0.0]


def test_the_first_rows_prove_nothing(tmp_path: Path) -> None:
    values: list[Any] = [*[n % 9 for n in range(199)], "seven"]
    rows = with_column(houses(200), "size", values)
    assert columns_of(loaded(write(tmp_path / "table.csv", rows)))["size"].kind == "category"


def test_a_table_becomes_numbers_and_codes(path: Path) -> None:
    data = loaded(path, "dear")
    assert data.columns == (
        "size", "built: days", "built: month", "built: day", "built: weekday", "garden", "price",
        "town", "plan",
    )  # fmt: skip
    assert (data.name, data.classes, data.validation) == ("houses", ("cheap", "dear"), KFold(5))
    assert (len(data.development), data.test.rows) == (160, 40)
    assert data.table is not None
    assert data.table.cardinalities == (4, 5)
    assert data.table.width == 10
    codes = data.development.features[:, -2:]
    assert codes[:, 0].unique().tolist() == [1.0, 2.0, 3.0]
    kinds = columns_of(data)
    assert (kinds["id"].kind, kinds["plan"].why) == (
        "left out",
        "codes with leading zeros, 4 values",
    )
    assert (
        kinds["size"].missing
        == data.development.features[:, 0].isnan().sum() + opened(data).features[:, 0].isnan().sum()
    )


def test_rare_values_of_a_category_have_no_code_and_a_category_of_them_is_left_out(
    tmp_path: Path,
) -> None:
    towns = ["often" if n % 2 else f"rare {n}" for n in range(200)]
    rare = [f"x{n // 2}" for n in range(200)]
    rows = with_column(with_column(houses(200), "town", towns), "plan", rare)
    found = columns_of(loaded(write(tmp_path / "table.csv", rows)))
    assert found["town"].values == ("often",)
    assert found["plan"].why == "no value occurs in 3 rows that are trained on"


def test_of_many_values_only_the_most_frequent_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.own.table.columns.MOST_VALUES", 4)
    towns = [f"town {n % 8}" for n in range(200)]
    towns[:8] = ["town 5"] * 8
    path = write(tmp_path / "table.csv", with_column(houses(200), "town", towns))
    town = columns_of(loaded(path))["town"]
    assert (len(town.values), town.values[0]) == (4, "town 5")
    assert town.why == "text, 8 values, of which the 4 most frequent are told apart"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["1.5", "abc", *map(str, range(58))], "; without 'abc' all would be numbers"),
        (["1,5", *"abcd", *(f"{n},25" for n in range(55))], "; without 'a', 'b', 'c', ... all"),
        (["soon", *(f"2024-03-{n % 30 + 1:02}" for n in range(59))], "; without 'soon' all"),
        (["2024-02-30", *(f"2024-03-{n % 30 + 1}" for n in range(59))], "; without '2024-02-30'"),
        (["13A", *(str(n) for n in range(30)), *(str(n) for n in range(29))], "; without '13A'"),
        ([f"${n},5" for n in range(60)], "; without '$' all would be numbers"),
        ([f"{n} kg" for n in range(60)], "; without ' kg' all would be numbers"),
    ],
)
def test_the_few_cells_that_keep_a_column_from_being_more_are_said(
    cells: list[str], why: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "table.csv", with_column(houses(), "plan", cells), ";")
    column = columns_of(loaded(path))["plan"]
    assert column.kind in {"category", "left out"}
    assert why in column.why


@pytest.mark.parametrize(
    "cells",
    [
        [f"{n:03}" for n in range(58)] + ["x", "y"],  # codes
        [f"A{n}" for n in range(60)],
        [f"{n} kg" for n in range(59)] + ["heavy"],
        ["a", *(str(n % 5) for n in range(59))],  # few numbers
        [f"{n}" if n % 5 else f"v{n}" for n in range(60)],  # many words
    ],
)
def test_of_other_columns_nothing_is_said(cells: list[str], tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", with_column(houses(), "plan", cells))
    assert "without" not in columns_of(loaded(path))["plan"].why


def test_the_same_rows_are_held_back_each_time_and_as_many_of_each_class(path: Path) -> None:
    first, again = loaded(path, "dear"), loaded(path, "dear")
    assert first.fingerprint == again.fingerprint
    share = opened(first).targets.float().mean()
    assert abs(share - first.development.targets.float().mean()) < 0.02


def test_groups_stay_on_one_side(tmp_path: Path) -> None:
    owners = [f"owner {n % 23}" for n in range(200)]
    path = write(tmp_path / "table.csv", with_column(houses(200), "owner", owners))
    data = loaded(path, group="owner")
    assert data.validation == GroupFolds(5)
    assert "groups drawn at random" in data.source
    assert columns_of(data)["owner"].kind == "left out"
    assert data.development.groups is not None
    held = 23 - len(data.development.groups.unique())
    assert f"all rows of {held} of 23 groups" in data.source
    assert (data.test.groups, data.test.units) == (held, held)
    groups = opened(data).groups
    assert groups is not None
    assert len(groups.unique()) == held
    assert not set(groups.tolist()) & set(data.development.groups.tolist())


@pytest.mark.parametrize("target", ["price", "dear"])
def test_a_fifth_of_the_rows_is_held_back_where_groups_are_of_different_sizes(
    target: str, tmp_path: Path
) -> None:
    owners = [f"owner {n % 60}" if n < 120 else "a town" for n in range(200)]
    path = write(tmp_path / "table.csv", with_column(houses(200), "owner", owners))
    data = loaded(path, target, group="owner")
    assert 20 <= data.test.rows <= 60
    assert "closer" not in data.source
    owners = [f"owner {n}" if n < 30 else "a town" for n in range(200)]
    path = write(tmp_path / "table.csv", with_column(houses(200), "owner", owners))
    data = loaded(path, target, group="owner")
    assert 0 < data.test.rows < 20
    assert "; no draw of groups comes closer to a fifth of the rows" in data.source


@pytest.mark.slow
def test_a_class_of_one_group_is_trained_on(tmp_path: Path) -> None:
    """Whichever group it is, although one of them would be drawn for the test first."""
    for own in range(10):
        rows = with_column(houses(200), "owner", [f"owner {n % 10}" for n in range(200)])
        kinds = ["rare" if n % 10 == own else "ab"[n % 3 == 0] for n in range(200)]
        data = loaded(
            write(tmp_path / "t.csv", with_column(rows, "dear", kinds)), "dear", group="owner"
        )
        assert (data.development.targets == data.classes.index("rare")).sum() == 20


def test_groups_that_differ_in_case_alone_are_pointed_at(tmp_path: Path) -> None:
    owners = [f"{'Owner' if n == 7 else 'owner'} {n % 23}" for n in range(200)]
    path = write(tmp_path / "table.csv", with_column(houses(200), "owner", owners))
    data = loaded(path, group="owner")
    assert data.table is not None
    (note,) = data.table.notes
    assert note.startswith("Two groups, 'Owner 7' and 'owner 7', differ in case or spaces alone.")
    assert "of 24 groups" in data.source


@pytest.mark.parametrize("mark", ["", "NA", "nan", "-"])
def test_a_row_without_a_group_is_a_group_of_its_own(mark: str, tmp_path: Path) -> None:
    owners = [mark if n % 4 == 0 else f"owner {n % 23}" for n in range(200)]
    path = write(tmp_path / "table.csv", with_column(houses(200), "owner", owners))
    data = loaded(path, group="owner")
    assert "of 73 groups" in data.source
    assert columns_of(data)["owner"].missing == 50


def test_time_may_be_an_id_with_marks_between_thousands(tmp_path: Path) -> None:
    numbers = [f"{number:,}" for number in range(950, 1010)]
    path = write(tmp_path / "table.csv", with_column(houses(), "number", numbers))
    assert loaded(path, time="number").test.rows == 12


def test_the_latest_rows_are_the_test(tmp_path: Path) -> None:
    rows = houses(200)
    shuffled = [rows[0], *sorted(rows[1:], key=lambda row: row[1])]
    data = loaded(write(tmp_path / "table.csv", shuffled), time="built", target="price")
    assert (data.validation, data.test.rows) == (TimeFolds(5), 40)
    assert data.development.groups is not None
    assert bool((data.development.groups.diff() > 0).all())
    assert data.columns[:4] == ("size", "built: month", "built: day", "built: weekday")
    by_number = loaded(write(tmp_path / "table.csv", shuffled), time="id")
    assert by_number.test.identity() != data.test.identity()
    assert len(by_number.development) == len(data.development)


def test_seconds_and_time_zones_order_the_rows(tmp_path: Path) -> None:
    seconds = [f"2024-03-01 10:00:{n / 2:04.1f}" for n in range(60)]
    data = loaded(write(tmp_path / "table.csv", with_column(houses(), "t", seconds)), time="t")
    assert data.test.rows == 12
    hours = [
        f"2024-03-01 {12 + n % 2:02}:00:00{'+00:00' if n % 2 else '+09:00'}" for n in range(60)
    ]
    column = decide("t", pa.array(hours), commas=False)
    assert as_moments(column, pa.array(hours)).tolist() == pytest.approx(
        [19783 + (13 if n % 2 else 3) / 24 for n in range(60)]
    )
    west = pa.array(["2024-03-01 23:30-0130", "2024-03-01T23:30:15.5Z"])
    there = [19783 + 25 / 24, 19783 + 23.5 / 24 + 15.5 / 86400]
    assert as_moments(column, west).tolist() == pytest.approx(there, abs=1e-9)


def test_a_moment_in_two_time_zones_is_one() -> None:
    times = [(hour, minute) for hour in range(24) for minute in (0, 7, 59)]
    here = [datetime(2024, 5, 17, hour, minute, 11, tzinfo=UTC) for hour, minute in times]
    column = decide("t", pa.array([one.isoformat() for one in here]), commas=False)
    moments = as_moments(column, pa.array([one.isoformat() for one in here])).tolist()
    for hours in range(-12, 15):
        there = [one.astimezone(timezone(timedelta(hours=hours))).isoformat() for one in here]
        assert as_moments(column, pa.array(there)).tolist() == moments
    ticks = pa.array([f"2024-05-17 12:00:00.{number:06}" for number in range(100)])
    assert (np.diff(as_moments(column, ticks)) > 0).all()


def test_time_whose_day_and_month_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    days = [f"{n % 12 + 1}/{n % 11 + 1}/2024" for n in range(60)]
    path = write(tmp_path / "table.csv", with_column(houses(), "t", days))
    with pytest.raises(DataError, match="day and month may be either"):
        loaded(path, time="t")
    by_month = sorted(days, key=lambda day: [int(one) for one in day.split("/")])
    data = loaded(write(tmp_path / "table.csv", with_column(houses(), "t", by_month)), time="t")
    assert data.test.rows >= 12


def test_parquet_is_the_same_data(path: Path, tmp_path: Path) -> None:
    rows = houses(200)
    cells = {name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}
    typed = {
        **cells,
        "id": [int(cell) for cell in cells["id"]],
        "size": [float(cell) if cell else None for cell in cells["size"]],
        "built": pa.array(cells["built"]).cast(pa.date32()),
        "garden": [cell == "yes" for cell in cells["garden"]],
        "town": pa.array(cells["town"]).dictionary_encode(),
    }
    pa.parquet.write_table(pa.table(typed), tmp_path / "houses.parquet")
    found, plain = loaded(tmp_path / "houses.parquet"), loaded(path)
    assert torch.equal(
        found.development.features.nan_to_num(), plain.development.features.nan_to_num()
    )
    assert torch.equal(found.development.targets, plain.development.targets)


def test_a_cached_table_is_the_one_that_was_stored(tmp_path: Path, path: Path) -> None:
    owners = [f"owner {n % 23}" for n in range(200)]
    own = write(tmp_path / "own.csv", with_column(houses(200), "owner", owners))
    for data in (loaded(path, "dear"), loaded(own, group="owner"), loaded(own, time="built")):
        cached = cache.load(cache.store(data, tmp_path / "cache"))
        assert (cached.table, cached.validation) == (data.table, data.validation)
        assert cached.identity == data.identity
        assert (cached.development.groups is None) == (data.development.groups is None)


def test_groups_and_columns_are_part_of_the_identity(tmp_path: Path) -> None:
    rows = torch.randn(30, 1)
    made = [
        make_dataset(
            name="a",
            source="",
            development=Examples(features=rows, targets=rows, groups=groups),
            test=Examples(features=rows, targets=rows),
            validation=GroupFolds(3),
            columns=("x",),
        ).identity
        for groups in (torch.arange(30) // 2, torch.arange(30) // 3)
    ]
    assert made[0] != made[1]


def told(data: Dataset) -> str:
    assert data.findings is not None
    return " ".join(data.findings.remarks())


def test_a_column_that_gives_the_target_away_is_named(tmp_path: Path) -> None:
    rows = houses(200)
    price = [float(row[6]) for row in rows[1:]]
    secret = [{"dear": "q", "cheap": "z"}[row[7]] for row in rows[1:]]
    rows = with_column(rows, "tax", [f"{(2 * one) ** 0.5:.4f}" for one in price])
    rows = with_column(rows, "stamp", secret)
    path = write(tmp_path / "table.csv", rows)
    number = loaded(path).findings
    classes = loaded(write(path, without(rows, "price", "tax")), target="dear").findings
    assert number is not None
    assert classes is not None
    assert list(number.suspects) == ["tax"]
    assert list(classes.suspects) == ["stamp"]


def test_a_group_and_a_clock_that_were_not_named_are_pointed_at(tmp_path: Path) -> None:
    owners = [f"owner {n % 23}" for n in range(200)]
    path = write(tmp_path / "table.csv", with_column(houses(200), "owner_id", owners))
    said = told(loaded(path))
    assert "Column 'owner_id' looks like a group: 23 values in 200 rows." in said
    assert "Column 'built' looks like a clock, and the rows are in its order." in said
    assert "looks like" not in told(loaded(path, time="built"))
    assert "looks like" not in told(loaded(path, group="owner_id"))


@pytest.mark.parametrize("unit", ["e-120", "", "e120"])
def test_a_long_tail_is_one_in_any_unit(tmp_path: Path, unit: str) -> None:
    """The third powers of such numbers underflow to 0 or overflow."""
    rows = houses()
    long = [f"{math.exp(float(row[6]) / 20):.3f}{unit}" for row in rows[1:]]
    table = loaded(write(tmp_path / "houses.csv", with_column(rows, "price", long))).table
    assert table is not None
    assert table.skewed


def test_the_case_is_scaled_to_its_data_and_any_of_them_is_inside_its_widest_space(
    path: Path, tmp_path: Path
) -> None:
    plain = write(tmp_path / "plain.csv", [row[6:7] + row[1:2] for row in houses(700)])
    for data, given in (
        (loaded(path, "dear"), Given(data=path, target="dear")),
        (loaded(plain), Given(data=plain, target="price")),
    ):
        case = settle(given, data)
        assert case.task == ("classification" if data.classes else "regression")
        assert case.name == make_case(given).name
        check_arms(case)
        for arm in (case.baseline, case.recipe):
            check_inside(make_case(given), arm, "an arm")


def test_options_are_read_and_checked(path: Path) -> None:
    reference = to_door("table", {"data": str(path), "target": "price"})
    case = load_case(reference)
    assert case.name == "table"
    with pytest.raises(UsageError, match="--target is missing"):
        load_case(to_door("table", {"data": str(path)}))
    with pytest.raises(UsageError, match="--task ranking is not one of its choices"):
        read(Given, {"data": "x", "target": "y", "task": "ranking"})


def test_the_source_of_a_door_is_its_own_modules(path: Path) -> None:
    source = source_of(to_door("table", {"data": str(path), "target": "price"}))
    assert source.file == "table.py"
    assert {"table_data", "table_space", "table_split"} <= set(source.modules)
    assert all(name.startswith("table_") for name in source.modules)
