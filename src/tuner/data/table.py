"""The columns of a table in a file, and the features that a model gets from them.

This is decided once, from all rows, and stored with the data and with each model, so that new rows
are read in the same way. Values fitted on rows (medians, quantiles) are not here: see
`tuner.data.preparation`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["number", "yes or no", "date", "category", "left out"]
Part = Literal["days", "month", "day", "weekday", "hour"]
MOST_SHOWN, FIRST_SHOWN = 40, 20  # columns, in the description for people
MISSING = ""  # among the values of a category: an empty cell
# Why a column is left out, where more is decided by it.
NO_VALUE: str = said("no row has a value")
ONE_VALUE: str = said("the same in all rows")
NUMBERS_ROWS: str = said("a different whole number in each row, like an id")
# In a remark of `tuner.data.sources.odd_cells` on a few cells or on a sign.
NEARLY = "all would be"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the file.

    Attributes:
        kind: how it is used.
        why: the rule that decided so, in words.
        missing: number of rows without a value, among all rows of the file.
        form: notation of its cells: "," for 1.234,5, "thousands" for 1,234.5; for a date the order
            of year, month and day, such as "ymd"; empty for the plain one.
        values: for a category, those with a code of their own, in the order of their codes from 1
            on; for yes or no, these two, no first.
        parts: for a date, the parts that are used.
    """

    name: str
    kind: Kind
    why: str
    missing: int = 0
    form: str = ""
    values: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def features(self) -> list[str]:
        """Names of the features that are made from it."""
        if self.kind == "date":
            return [f"{self.name}: {part}" for part in self.parts]
        return [] if self.kind == "left out" else [self.name]

    @property
    def may_surprise(self) -> bool:
        """Whether it is left out, or is text although nearly all cells are numbers or dates."""
        return self.kind == "left out" or NEARLY in self.why

    @property
    def numbers_rows(self) -> bool:
        """Whether it is left out as its numbers only count the rows; they are numbers still."""
        return self.why == NUMBERS_ROWS

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Restore a column from the result of `asdict`.

        Raises:
            ValueError, TypeError: the values are invalid.
        """
        lists = {name: tuple(stored[name]) for name in ("values", "parts")}
        made = cls(**{**stored, **lists})
        texts = (made.name, made.why, made.form, *made.values)
        if (
            made.kind not in get_args(Kind)
            or not all(part in get_args(Part) for part in made.parts)
            or not all(isinstance(text, str) for text in texts)
            or type(made.missing) is not int
            or (made.kind == "yes or no" and len(made.values) != 2)
            or len(set(made.values)) < len(made.values)
        ):
            raise ValueError(f"the column {stored}")
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The definition of a table's rows.

    A row of features has the numbers (float64, nan where a value is missing) in the order of the
    columns, then the codes of the categories; 0 is a value without a code.

    Attributes:
        columns: of the file, in its order, without the target.
        target: column to predict; its `values` are empty, because the classes are stored elsewhere.
        skewed: whether the target is a number with a long tail, which each fold transforms.
        notes: anything unusual in how the file was read, a sentence each.
    """

    columns: tuple[Column, ...]
    target: Column
    skewed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def numbers(self) -> list[Column]:
        """Columns that become numbers."""
        return [one for one in self.columns if one.kind in {"number", "yes or no", "date"}]

    @property
    def categories(self) -> list[Column]:
        """Columns that become codes."""
        return [one for one in self.columns if one.kind == "category"]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of a row."""
        used = [*self.numbers, *self.categories]
        return tuple(name for column in used for name in column.features)

    @property
    def gaps(self) -> tuple[bool, ...]:
        """For each number, whether a further feature marks where it is missing."""
        return tuple(column.missing > 0 for column in self.numbers for _ in column.features)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of codes of each category, including 0."""
        return tuple(len(column.values) + 1 for column in self.categories)

    @property
    def width(self) -> int:
        """Number of inputs of a model: numbers, marks of missing ones, and codes."""
        return len(self.gaps) + sum(self.gaps) + len(self.cardinalities)

    def facts(self) -> dict[str, Any]:
        """Return the table as plain values, which `read` restores."""
        return asdict(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Restore a table from the result of `facts`, or from JSON of it.

        Raises:
            KeyError, ValueError, TypeError: the values are invalid.
        """
        made = cls(
            columns=tuple(Column.read(one) for one in stored["columns"]),
            target=Column.read(stored["target"]),
            skewed=bool(stored["skewed"]),
            notes=tuple(map(str, stored["notes"])),
        )
        names = [made.target.name, *(column.name for column in made.columns)]
        if not made.features or len(set(names)) < len(names):
            raise ValueError("a table without features, or with a name twice")
        return made

    def in_words(self) -> str:
        """Return the columns as a text table, and remarks on the file, for people."""
        shown = self.columns if len(self.columns) <= MOST_SHOWN else self._first_shown()
        rows = [("column", "taken as", "missing", "why")]
        rows += [
            (one.name[:40], one.kind, f"{one.missing:,}" if one.missing else "", one.why)
            for one in shown
        ]
        widths = [max(len(row[place]) for row in rows) for place in range(3)]
        lines = [
            f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {missing:>{widths[2]}}  {why}".rstrip()
            for name, kind, missing, why in rows
        ]
        if len(shown) < len(self.columns):
            counts = Counter(one.kind for one in self.columns)
            listed = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common())
            lines.append(f"... of {len(self.columns):,} columns in all: {listed}")
        tail = ", with a long tail that is straightened" if self.skewed else ""
        target = f"Target: {self.target.name}, {self.target.why}{tail}."
        return "\n".join([*lines, target, *self.notes])

    def _first_shown(self) -> tuple[Column, ...]:
        """Return the first columns, and the first that are not read as a person may expect."""
        odd = [one for one in self.columns[FIRST_SHOWN:] if one.may_surprise]
        return (*self.columns[:FIRST_SHOWN], *odd[: MOST_SHOWN - FIRST_SHOWN])

    def identity(self) -> list[object]:
        """Return everything that determines a model's input from a file, without descriptions."""
        return [
            [one.name, one.kind, one.missing > 0, one.form, one.values, one.parts]
            for one in (self.target, *self.columns)
        ] + [self.skewed]
