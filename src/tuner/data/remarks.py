"""The findings about a data set, and the remarks on them for a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.language import nsaid, plural, said

if TYPE_CHECKING:
    from collections.abc import Iterator

UNEVEN = 3  # largest class relative to the smallest, from which on there is a remark
RARE = 0.05  # share of rows with a label, or without it, below which there is a remark
MOST_NAMED = 8
# For rows that equal others: development rows in the test, among themselves, and test rows among
# themselves.
ALIKE = (
    plural(
        "{count} row of {rows} in the development data ({share}) equals a test row, target "
        "included. If it is a copy, test scores are too optimistic: remove it from one of "
        "the two. Different examples may be alike by chance, where columns have few "
        "values; then leave it.",
        "{count} rows of {rows} in the development data ({share}) equal a test row, target "
        "included. If they are copies, test scores are too optimistic: remove them from "
        "one of the two. Different examples may be alike by chance, where columns have few "
        "values; then leave them.",
    ),
    plural(
        "{count} row of the development data equals an earlier row, target included. If it "
        "is a copy, and one is trained on while another validates, validation scores are "
        "too optimistic.",
        "{count} rows of the development data equal an earlier row, target included. If "
        "they are copies, and one is trained on while another validates, validation scores "
        "are too optimistic.",
    ),
    plural(
        "{count} row of the test split equals another test row, target included. If it is "
        "a copy, this row counts more than once.",
        "{count} rows of the test split equal another test row, target included. If they "
        "are copies, these rows count more than once.",
    ),
)
COPIES = (
    plural(
        "{count} row of {rows} in the development data ({share}) is in the test split as "
        "well, value for value. Test scores are too optimistic; remove these rows from one "
        "of the two.",
        "{count} rows of {rows} in the development data ({share}) are in the test split as "
        "well, value for value. Test scores are too optimistic; remove these rows from one "
        "of the two.",
    ),
    plural(
        "{count} row of the development data repeats an earlier row. Where one copy is "
        "trained on and another validates, validation scores are too optimistic.",
        "{count} rows of the development data repeat earlier rows. Where one copy is "
        "trained on and another validates, validation scores are too optimistic.",
    ),
    plural(
        "{count} row of the test split repeats another test row, so some rows count more "
        "than once.",
        "{count} rows of the test split repeat another test row, so some rows count more "
        "than once.",
    ),
)


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
    """The findings about a data set; zeros and empty lists mean that nothing was found.

    Attributes:
        rows: number of development rows.
        in_test: number of development rows that equal a test row: in their features, and, if rows
            may be alike by chance, in their target too.
        repeated: number of development rows that equal an earlier one, except within a group, whose
            rows stay together.
        repeated_in_test: the same for test rows, where a group counts as one.
        development: number of rows of each class, by name; empty for a regression; `test` likewise.
        folds: of the validation scheme; 1 if rows are held out once.
        constant: columns with one value in all development rows.
        suspects: columns that almost determine the target, with how much of it (0 to 1).
        numbering: columns with a different integer in each row: an id, or a clock.
        target: of a regression.
        several: whether a row may have several labels, or none.
        by_chance: whether different examples may be alike: rows of a few numbers, but not pictures.
        moments: number of moments of the development rows, if several rows share one and yet each
            test row counts by itself; otherwise None.
        told: further findings of a source of data, one or two sentences each.
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
    by_chance: bool = False
    moments: int | None = None
    told: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return the findings as plain values."""
        return asdict(self)

    @property
    def absent(self) -> list[str]:
        """Classes without test rows."""
        return [name for name, count in self.test.items() if count == 0]

    def remarks(self) -> list[str]:
        """Return remarks for a person, one or two sentences each; empty if all is well."""
        return [
            *self._about_rows(),
            *self._about_classes(),
            *self._about_columns(),
            *self.told,
        ]

    def _about_rows(self) -> Iterator[str]:
        found = self.in_test, self.repeated, self.repeated_in_test
        share = _percent(self.in_test / self.rows)
        for (one, many), count in zip(ALIKE if self.by_chance else COPIES, found, strict=True):
            if count:
                yield nsaid(one, many, count, count=count, rows=self.rows, share=share)
        if self.moments is not None:
            yield said(
                "Several rows are of the same moment: {rows:,} development rows are of {moments:,} "
                "moments. In a verdict each test row counts by itself. If models are right or "
                "wrong on the rows of a moment together, its interval is too narrow.",
                rows=self.rows,
                moments=self.moments,
            )

    def _about_classes(self) -> Iterator[str]:
        if absent := self.absent:
            yield nsaid(
                "The test split has no row of class {names}. Macro F1 on the test split is the "
                "mean over the other {others}, for every model.",
                "The test split has no row of classes {names}. Macro F1 on the test split is the "
                "mean over the other {others}, for every model.",
                len(absent),
                names=_listed(absent),
                others=len(self.test) - len(absent),
            )
        if few := [name for name, count in self.development.items() if count < self.folds]:
            smallest = min(self.development[name] for name in few)
            parts = {"names": _listed(few), "smallest": smallest, "folds": self.folds}
            if smallest == 1:
                yield nsaid(
                    "There are fewer development rows of class {names} than folds ({smallest} for "
                    "{folds}), so some folds are validated without it and some trained without. "
                    "Add rows, or leave such classes out.",
                    "There are fewer development rows of classes {names} than folds ({smallest} "
                    "for {folds}), so some folds are validated without them and some trained "
                    "without. Add rows, or leave such classes out.",
                    len(few),
                    **parts,
                )
            else:
                yield nsaid(
                    "There are fewer development rows of class {names} than folds ({smallest} for "
                    "{folds}), so some folds are validated without it. Add rows, or leave such "
                    "classes out.",
                    "There are fewer development rows of classes {names} than folds ({smallest} "
                    "for {folds}), so some folds are validated without them. Add rows, or leave "
                    "such classes out.",
                    len(few),
                    **parts,
                )
        if not self.development:
            return
        ordered = sorted(self.development, key=lambda name: self.development[name])
        least, most = ordered[0], ordered[-1]
        if self.several:
            yield from self._about_labels()
        elif self.development[most] >= UNEVEN * self.development[least]:
            small, large = (_percent(self.development[name] / self.rows) for name in (least, most))
            yield said(
                "The classes are uneven: {least!r} has {small} of the development rows, {most!r} "
                "has {large}. Always answering {most!r} has an accuracy of {large}, so look at "
                "the recall of each class too, or search for --metric balanced_accuracy.",
                least=least,
                small=small,
                most=most,
                large=large,
            )

    def _about_labels(self) -> Iterator[str]:
        """Yield remarks on labels that most rows have, or hardly any."""
        for name, count in self.development.items():
            share = count / self.rows
            if not RARE <= share <= 1 - RARE:
                parts = {"share": _percent(share), "name": name}
                yield (
                    said(
                        "{share} of the development rows have the label {name!r}. A model that "
                        "always says yes is nearly always right on it, so look at how many of its "
                        "rows are found.",
                        **parts,
                    )
                    if share > 0.5
                    else said(
                        "{share} of the development rows have the label {name!r}. A model that "
                        "always says no is nearly always right on it, so look at how many of its "
                        "rows are found.",
                        **parts,
                    )
                )

    def _about_columns(self) -> Iterator[str]:
        if self.constant:
            yield nsaid(
                "Column {names} has the same value in all development rows, which tells a model "
                "nothing.",
                "Columns {names} have the same value in all development rows, which tells a model "
                "nothing.",
                len(self.constant),
                names=_listed(self.constant),
            )
        for name, share in self.suspects.items():
            yield said(
                "Column {name!r} alone gives almost all of the target ({share}). Is it known "
                "before the target is? If not, remove it.",
                name=name,
                share=_percent(share),
            )
        if self.numbering:
            yield nsaid(
                "Column {names} has a different whole number in each row, like an id or a clock. A "
                "model that learns from it may do worse on new rows.",
                "Columns {names} have a different whole number in each row, like an id or a clock. "
                "A model that learns from it may do worse on new rows.",
                len(self.numbering),
                names=_listed(self.numbering),
            )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:MOST_NAMED]))
    left = len(names) - MOST_NAMED
    return said("{names} and {left} more", names=shown, left=left) if left > 0 else shown
