"""A torch `Dataset`, read row by row: data that does not fit into memory goes to a file."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from tuner.data.examples import Examples
from tuner.data.room import room_for
from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor
    from torch.utils.data import Dataset

    from tuner.data.sources.folders import Folders

KINDS = (torch.uint8, torch.float32, torch.float64, torch.int64, torch.int32)


def read_examples(dataset: Dataset[Any], folders: Folders, *, workers: int = 0) -> Examples:
    """Read every row of a map-style torch `Dataset` once, in its order.

    Only a few rows at a time are held besides the result, which is mapped from a file if
    it is larger than a quarter of the machine's memory. Workers map the cached rows in the same
    way, so a data set may be larger than memory. Each row is read only once, here: random changes
    for each epoch belong in the `augment` of the case.

    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from tuner import Folders
    >>> rows = TensorDataset(torch.rand(20, 3), torch.arange(20) % 2)
    >>> read_examples(rows, Folders()).features.shape
    torch.Size([20, 3])

    Args:
        dataset: `len(dataset)` rows; `dataset[n]` is a pair: features, a tensor or an array of one
            shape and type for all rows; and the target, a class (int) or a number (float).
        folders: as `load` gets them; a file that is mapped lies beside the downloads.
        workers: processes that read rows, as of a DataLoader; 0: this process reads them.

    Raises:
        DataError: the data set has no length or no rows; a row is not such a pair, has another
            shape or type than the first, or is different when it is read again.
    """
    count = _length(dataset)
    features: Tensor | None = None
    targets: Tensor | None = None
    for number, (row, target) in enumerate(_rows(dataset, workers)):
        if features is None or targets is None:
            features = room_for(count, tuple(row.shape), folders.own, row.dtype)
            targets = _room_of_targets(count, target)
        if row.shape != features.shape[1:] or row.dtype != features.dtype:
            raise DataError(
                f"row {number} of the data set has shape {tuple(row.shape)} and type {row.dtype}, "
                f"row 0 has {tuple(features.shape[1:])} and {features.dtype}; make all rows alike"
            )
        if targets.is_floating_point() != isinstance(target, float):
            raise DataError(
                f"row {number} of the data set has the target {target!r}, row 0 has "
                f"{targets[0].item()!r}; give whole numbers for classes, or floats for numbers"
            )
        features[number] = row
        targets[number] = target
    if features is None or targets is None:
        raise DataError("the data set has no rows; give it at least one")
    _read_again(dataset, features)
    return Examples(features=features, targets=targets)


def _read_again(dataset: Dataset[Any], features: Tensor) -> None:
    """Refuse rows that change when read again: first, middle and last are compared.

    Raises:
        DataError: one is different.
    """
    last = len(features) - 1
    for number in sorted({0, (last + 1) // 2, last}):
        if not _checked(dataset[number], number)[0].equal(features[number]):
            raise DataError(
                f"row {number} of the data set is different when it is read again. Rows are read "
                "once, before the training: leave out what is random, and put it into the "
                "`augment` of the case"
            )


def _length(dataset: Dataset[Any]) -> int:
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise DataError(
            f"{type(dataset).__name__} has no rows by number; give a map-style data set of torch, "
            "which has __len__ and __getitem__"
        )
    return len(dataset)


def _rows(dataset: Dataset[Any], workers: int) -> Iterator[tuple[Tensor, int | float]]:
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),  # it would seed itself by the global one
    )
    for number, item in enumerate(loader):
        yield _checked(item, number)


def _checked(item: Any, number: int) -> tuple[Tensor, int | float]:
    """Return features and target of an item.

    Raises:
        DataError: it is not a pair of features and target.
    """
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataError(
            f"row {number} of the data set is {_named(item)}; it has to be a pair: features, target"
        )
    row, target = item
    try:
        row = torch.as_tensor(row)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the features of row {number} are {_named(row)}; give a tensor or an array (of a "
            "picture: torchvision.transforms.v2.functional.pil_to_tensor)"
        ) from error
    if row.dtype not in KINDS:
        raise DataError(
            f"the features of row {number} are {row.dtype}; they have to be "
            f"{', '.join(map(str, KINDS[:-1]))} or {KINDS[-1]}"
        )
    value: object = target
    if isinstance(target, torch.Tensor | np.ndarray | np.generic) and _is_one(target):
        value = target.item()
    if isinstance(value, Integral):
        return row, int(value)
    if isinstance(value, Real):
        return row, float(value)
    raise DataError(
        f"the target of row {number} is {_named(target)}; it has to be a class (a whole number) or "
        "a number"
    )


def _is_one(target: torch.Tensor | np.ndarray | np.generic) -> bool:
    return (target.numel() if isinstance(target, torch.Tensor) else target.size) == 1


def _room_of_targets(count: int, first: int | float) -> Tensor:
    if isinstance(first, float):
        return torch.empty((count, 1), dtype=torch.float64)
    return torch.empty(count, dtype=torch.int64)


def _named(value: object) -> str:
    return f"an object of type {type(value).__name__}"
