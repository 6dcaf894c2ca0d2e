"""What is odd about a data set without being wrong: found and said before anything trains."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from tuner.data.splits import number_of_folds
from tuner.data.tensors import row_digests
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tuner.data.examples import Examples
    from tuner.data.splits import Scheme

UNEVEN = 3  # times as many rows in the largest class as in the smallest: worth a word
RARE = 0.05  # share of the rows that have a label, or have not: worth a word
FEWEST = 20  # rows; of fewer, a column may number the rows or give the target by chance
SAMPLE = 2000  # rows that columns are compared with the target on
# Of the target's variance, or of the column's variance between classes: almost all.
GIVES_NUMBER, GIVES_CLASS = 0.998, 0.98
EXPECTED_PAIRS = 5  # of equal values; none of them is less than 1 % likely then
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


def find(
    development: Examples,
    test: Examples,
    validation: Scheme,
    classes: tuple[str, ...],
    columns: tuple[str, ...],
) -> Findings:
    """Look through a data set that has been checked. Of the test split only counts are kept."""
    own, others = row_digests(development.features), row_digests(test.features)
    known = set(others)
    constant, suspects, numbering = _columns(development, classes, columns)
    return Findings(
        rows=len(development),
        in_test=sum(digest in known for digest in own),
        repeated=len(own) - len(set(own)),
        repeated_in_test=len(others) - len(known),
        development=_counts(development, classes),
        test=_counts(test, classes),
        folds=number_of_folds(validation),
        constant=constant,
        suspects=suspects,
        numbering=numbering,
        target=None if classes else _target(development),
        several=development.targets.dim() == 2 and bool(classes),
    )


def _counts(rows: Examples, classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, rows.counts(len(classes)), strict=True))


def _target(rows: Examples) -> Target:
    targets = rows.targets.double().numpy()
    return Target(
        mean=float(targets.mean()),
        std=float(targets.std()),
        trivial_mae=float(np.abs(targets - np.median(targets)).mean()),
    )


def _columns(
    rows: Examples, classes: tuple[str, ...], columns: tuple[str, ...]
) -> tuple[list[str], dict[str, float], list[str]]:
    """Return constant columns, suspects with what they give, and columns that number the rows."""
    constant: list[str] = []
    suspects: dict[str, float] = {}
    numbering: list[str] = []
    if not columns:
        return constant, suspects, numbering
    random = np.random.default_rng(derive(0, Stream.ROWS_LOOKED_AT))
    some = np.sort(random.permutation(len(rows))[:SAMPLE])
    targets = _one_a_row(rows.targets, classes).double().numpy()[some]
    ranks = rankdata(targets)
    features = rows.features.numpy()
    same = features.min(axis=0) == features.max(axis=0)
    samples = features[some].T.astype(np.float64)  # a row a column
    enough = len(rows) >= max(FEWEST, 5 * len(classes))
    for place, name in enumerate(columns):
        if same[place]:
            constant.append(name)
        elif enough:
            sample = samples[place]
            given = (
                _gives_class(sample, targets) if classes else gives_number(sample, targets, ranks)
            )
            if given >= (GIVES_CLASS if classes else GIVES_NUMBER):
                suspects[name] = given
            elif _differ(sample) and numbers_rows(features[:, place].astype(np.float64)):
                numbering.append(name)
    return constant, suspects, numbering


def _one_a_row(targets: Tensor, classes: tuple[str, ...]) -> Tensor:
    """Return targets (N,); sets of labels are numbered."""
    if classes and targets.dim() == 2:
        _, targets = targets.unique(dim=0, return_inverse=True)
    return targets.flatten()


def _differ(values: np.ndarray) -> bool:
    """Whether these are whole numbers, each another."""
    return bool((values == values.round()).all()) and len(np.unique(values)) == len(values)


def numbers_rows(values: np.ndarray) -> bool:
    """Whether these are whole numbers that differ, and more than chance lets them."""
    if not _differ(values):
        return False
    # Pairs that would be equal if the numbers were drawn from their range.
    expected = len(values) ** 2 / 2 / (values.max() - values.min() + 1)
    return bool(expected >= EXPECTED_PAIRS or (np.diff(values) > 0).all())


def gives_number(values: np.ndarray, targets: np.ndarray, ranks: np.ndarray) -> float:
    """Squared correlation with the target, of values or of ranks, whichever is larger."""
    pairs = ((values, targets), (rankdata(values), ranks))
    return max(_squared_correlation(*pair) for pair in pairs)


def _squared_correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    spread = (first @ first) * (second @ second)
    return float((first @ second) ** 2 / spread) if spread > 0 else 0.0


def _gives_class(values: np.ndarray, targets: np.ndarray) -> float:
    """Correlation ratio: the share of the column's variance that lies between classes."""
    numbers = targets.astype(np.int64)
    centred = values - values.mean()
    counts = np.bincount(numbers)
    sums = np.bincount(numbers, weights=centred)
    between = (sums[counts > 0] ** 2 / counts[counts > 0]).sum()
    whole = centred @ centred
    return float(between / whole) if whole > 0 else 0.0


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
