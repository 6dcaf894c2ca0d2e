"""What was found in a data set, and the remarks on it that a person gets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

UNEVEN = 3  # times as many rows in the largest class as in the smallest: worth a word
RARE = 0.05  # share of the rows that have a label, or have not: worth a word
MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The target of a regression, in its own units, on the development rows.

    Attributes:
        mean: of all targets.
        std: population standard deviation: an error in standardised units times this is one in
            the target's units.
        trivial_mae: mean absolute error of always predicting the median.
    """

    mean: float
    std: float
    trivial_mae: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found; zeros and empty lists say that it was looked for.

    Attributes:
        rows: development rows.
        in_test: development rows whose features equal those of a test row.
        repeated: development rows whose features equal those of an earlier one.
        repeated_in_test: the same among test rows.
        development: rows of each class, by its name; empty for a regression; so is `test`.
        folds: of the validation scheme; 1 where rows are held out once.
        constant: columns with one value in all development rows.
        suspects: columns that give the target almost alone, with how much of it (0 to 1).
        numbering: columns with another whole number in each row: an id, or a clock.
        target: of a regression.
        several: whether a row may have several labels, or none.
        told: what else a source of data has found, a sentence or two each.
    """

    rows: int
    in_test: int
    repeated: int
    repeated_in_test: int
    development: dict[str, int]
    test: dict[str, int]
    folds: int
    constant: list[str]
    suspects: dict[str, float]
    numbering: list[str]
    target: Target | None
    several: bool = False
    told: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return the findings as plain values."""
        return asdict(self)

    @property
    def absent(self) -> list[str]:
        """Classes without a test row."""
        return [name for name, count in self.test.items() if count == 0]

    def remarks(self) -> list[str]:
        """Say what a person should know, a sentence or two each; nothing where all is well."""
        return [
            *self._about_rows(),
            *self._about_classes(),
            *self._about_columns(),
            *self.told,
        ]

    def _about_rows(self) -> Iterator[str]:
        if self.in_test:
            yield (
                f"{_rows(self.in_test)} of {self.rows} in the development data "
                f"({_percent(self.in_test / self.rows)}) "
                f"{'is' if self.in_test == 1 else 'are'} in the test split as well, value for "
                "value. Test scores are too optimistic; remove these rows from one of the two."
            )
        if self.repeated:
            yield (
                f"{_rows(self.repeated)} of the development data "
                f"{'repeats an earlier row' if self.repeated == 1 else 'repeat earlier rows'}. "
                "Where one copy is trained on and another validates, validation scores are too "
                "optimistic."
            )
        if self.repeated_in_test:
            yield (
                f"{_rows(self.repeated_in_test)} of the test split "
                f"{'repeats' if self.repeated_in_test == 1 else 'repeat'} another test row, so "
                "some rows count more than once."
            )

    def _about_classes(self) -> Iterator[str]:
        if absent := self.absent:
            yield (
                f"The test split has no row of {_class(absent)}. Macro F1 on the test split is "
                f"the mean over the other {len(self.test) - len(absent)}, for every model."
            )
        if few := [name for name, count in self.development.items() if count < self.folds]:
            smallest = min(self.development[name] for name in few)
            yield (
                f"There are fewer development rows of {_class(few)} than folds ({smallest} for "
                f"{self.folds}), so some folds are validated without "
                f"{'it' if len(few) == 1 else 'them'}"
                f"{' and some trained without' if smallest == 1 else ''}. Add rows, or use fewer "
                "folds."
            )
        if not self.development:
            return
        ordered = sorted(self.development, key=lambda name: self.development[name])
        least, most = ordered[0], ordered[-1]
        if self.several:
            yield from self._about_labels()
        elif self.development[most] >= UNEVEN * self.development[least]:
            small, large = (_percent(self.development[name] / self.rows) for name in (least, most))
            yield (
                f"The classes are uneven: {least!r} has {small} of the development rows, {most!r} "
                f"has {large}. Always answering {most!r} has an accuracy of {large}, so look at "
                "the recall of each class too, or search for --metric balanced_accuracy."
            )

    def _about_labels(self) -> Iterator[str]:
        """Say which labels most rows have, or hardly any."""
        for name, count in self.development.items():
            share = count / self.rows
            if not RARE <= share <= 1 - RARE:
                yield (
                    f"{_percent(share)} of the development rows have the label {name!r}. A model "
                    f"that always says {'yes' if share > 0.5 else 'no'} is nearly always right on "
                    "it, so look at how many of its rows are found."
                )

    def _about_columns(self) -> Iterator[str]:
        if self.constant:
            one = len(self.constant) == 1
            yield (
                f"{_column(self.constant)} {'has' if one else 'have'} the same value in all "
                "development rows, which tells a model nothing."
            )
        for name, share in self.suspects.items():
            yield (
                f"Column {name!r} alone gives almost all of the target ({_percent(share)}). Is it "
                "known before the target is? If not, remove it."
            )
        if self.numbering:
            one = len(self.numbering) == 1
            yield (
                f"{_column(self.numbering)} {'has' if one else 'have'} a different whole number in "
                "each row, like an id or a clock. A model that learns from it may do worse on new "
                "rows."
            )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _class(names: list[str]) -> str:
    return f"class{'' if len(names) == 1 else 'es'} {_listed(names)}"


def _column(names: list[str]) -> str:
    return f"Column{'' if len(names) == 1 else 's'} {_listed(names)}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:MOST_NAMED]))
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown
