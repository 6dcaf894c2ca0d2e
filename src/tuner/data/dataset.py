"""A data set in memory: development examples, and test examples that one call unlocks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from tuner.data.checking import (
    check_kinds,
    check_names,
    check_parts,
    check_rows,
    check_targets,
    plain_names,
)
from tuner.data.findings import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tuner.data.examples import Examples, PixelStatistics
    from tuner.data.remarks import Findings
    from tuner.data.splits import Scheme
    from tuner.data.table import Table


class LockedSplit:
    """The test split: its size is known, but its rows are locked until a recorded opening.

    Args:
        rows: of it.
        groups: how many of those there are, where some rows belong together; None: none do.
    """

    def __init__(self, rows: int, read: Callable[[], Examples], groups: int | None = None) -> None:
        self.rows, self.groups = rows, groups
        self._read = read
        self._identity = ""

    @property
    def units(self) -> int:
        """Number of rows that count separately; or of groups, each of which counts as one."""
        return self.rows if self.groups is None else self.groups

    def open(self, record: Callable[[], None]) -> Examples:
        """Return the test examples after `record` has noted that they were opened."""
        record()
        return self._read()

    def identity(self) -> str:
        """Return a SHA-256 of the rows, in any order, without revealing them.

        Two studies that test on the same rows have the same one, whatever their other data. The
        rows are read for it once.
        """
        self._identity = self._identity or _identity_of(self._read())
        return self._identity

    def save(self, path: Path) -> None:
        """Write the rows to a safetensors file without revealing them."""
        self._read().save(path)


def _identity_of(rows: Examples) -> str:
    digests = sorted(
        hashlib.sha256(features.numpy().tobytes() + target.numpy().tobytes()).digest()
        for features, target in zip(rows.features, rows.targets, strict=True)
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Everything a study knows about its data.

    >>> import torch
    >>> from tuner import Examples, KFold
    >>> rows = Examples(features=torch.rand(20, 2), targets=torch.rand(20, 1))
    >>> data = make_dataset(
    ...     name="mine",
    ...     source="made up",
    ...     development=rows,
    ...     test=rows,
    ...     validation=KFold(2),
    ...     columns=("x", "y"),
    ... )
    >>> data.row_shape, data.outputs, data.test.rows
    ((2,), 1, 20)

    Attributes:
        name: the study's default name; a stand-in has a name of its own.
        source: where it comes from, in words for the report.
        validation: how the development data is split for the search.
        classes: names of the classes, or of the labels; empty for regression.
        columns: names of the features of a table; empty for images.
        pixels: how images are normalised; None: features are standardised on a fold's training
            part.
        raw: whether features go to the model unchanged: never scaled, and whole numbers (token
            ids) stay whole. Then there are neither columns nor pixels.
        stands_in_for: the name of the data set that could not be downloaded, if this one
            replaces it.
        findings: what is odd about it without being wrong; None in the cache.
        reading: how its input files are read, as `tuner.data.reading` names it; empty before a
            case has loaded it, and in the cache.
        table: the columns of a table in a file, if they are prepared by fold: numbers
            (NaN if missing) and codes of categories; None: features are only scaled.
        inspection: what was found when its files were read, for people: pairs of a subject and a
            text; empty in the cache.
        fingerprint: SHA-256 of the data as the model sees it.
    """

    name: str
    source: str
    development: Examples
    test: LockedSplit
    validation: Scheme
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    pixels: PixelStatistics | None = None
    raw: bool = False
    stands_in_for: str | None = None
    findings: Findings | None = None
    reading: str = ""
    table: Table | None = None
    inspection: tuple[tuple[str, str], ...] = ()
    fingerprint: str = field(default="")

    @property
    def outputs(self) -> int:
        """Size of the model's output: one per class or label, or one number."""
        return len(self.classes) or 1

    @property
    def task(self) -> Literal["classification", "multilabel", "regression"]:
        """What is predicted: one class, any number of labels, or a number."""
        if not self.classes:
            return "regression"
        return "multilabel" if self.development.targets.dim() == 2 else "classification"

    @property
    def identity(self) -> str:
        """SHA-256 of the data with its split scheme and the names of its columns."""
        scheme = type(self.validation).__name__, asdict(self.validation)
        parts: tuple[object, ...] = (self.fingerprint, scheme, self.columns)
        if self.development.groups is not None:
            groups = self.development.groups.contiguous().numpy()
            parts += (hashlib.sha256(groups.tobytes()).hexdigest(),)
        if self.table is not None:
            parts += (self.table.identity(),)
        if self.raw:
            parts += ("raw",)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row of features: (C, H, W) or (F,); of raw rows, any."""
        return tuple(self.development.features.shape[1:])


def fingerprint(
    development: Examples, test: Examples, pixels: PixelStatistics | None, classes: tuple[str, ...]
) -> str:
    """Return a SHA-256 over the tensors, their shapes and types, and what is done to them."""
    digest = hashlib.sha256(repr((pixels, classes)).encode())
    for tensor in (development.features, development.targets, test.features, test.targets):
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def make_dataset(
    *,
    name: str,
    source: str,
    development: Examples,
    test: Examples,
    validation: Scheme,
    classes: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
    pixels: PixelStatistics | None = None,
    raw: bool = False,
    stands_in_for: str | None = None,
    table: Table | None = None,
) -> Dataset:
    """Fingerprint the data, look for what is odd about it, and lock its test split.

    Give `pixels` with images, `columns` with tables, and `raw` with everything else: rows of any
    shape, which the model gets unchanged. Whole numbers, such as the ids of words, stay whole.

    >>> import torch
    >>> from tuner import Examples, KFold
    >>> words = Examples(features=torch.randint(9, (20, 6)), targets=torch.arange(20) % 2)
    >>> data = make_dataset(
    ...     name="sentences",
    ...     source="made up",
    ...     development=words,
    ...     test=words,
    ...     validation=KFold(2),
    ...     classes=("sad", "happy"),
    ...     raw=True,
    ... )
    >>> data.classes
    ('sad', 'happy')

    Raises:
        DataError: an argument has the wrong type; rows have the wrong type or shape, are not
            finite, name no class, or are missing; test rows have another shape than
            development rows; a class has no development rows, or too few to hold some out; or all
            targets are the same.
    """
    name, source = str(name), str(source)
    check_kinds(name, development, test, validation, pixels)
    classes = plain_names(name, "classes", classes)
    columns = plain_names(name, "columns", columns)
    check_names(name, classes=classes, columns=columns)
    for part, rows in (("development", development), ("test", test)):
        gaps = table is not None
        check_rows(name, part, rows, classes, columns, pixels, raw=raw, gaps=gaps)
    check_parts(name, development, test, validation, classes)
    check_targets(name, development, classes)
    return Dataset(
        name=name,
        source=source,
        development=development,
        test=LockedSplit(len(test), lambda: test, test.number_of_groups),
        validation=validation,
        classes=classes,
        columns=columns,
        pixels=pixels,
        raw=raw,
        stands_in_for=stands_in_for,
        findings=find(development, test, validation, classes, () if table else columns),
        table=table,
        fingerprint=fingerprint(development, test, pixels, classes),
    )
