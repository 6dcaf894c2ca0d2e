"""Reads files into rows of features for predictions, as they were read for training."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from tuner.data.images import read_image
from tuner.data.reading import BY_CASE, BY_COLUMNS, UNKNOWN
from tuner.errors import BundleError, CaseError, DataError, TunerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from tuner.bundle.bundle import Bundle


def reader_of(bundle: Bundle) -> Callable[[Path], Tensor] | None:
    """Return a function that reads one file into a row; None if the model's files are tables.

    Raises:
        BundleError: it is unknown how the case reads its files.
    """
    interface, case = bundle.interface, bundle.case
    if case.read is not None:
        return partial(_read_by_case, bundle, case.read)
    if interface.reading == BY_COLUMNS:
        return None
    if interface.reading == BY_CASE:
        raise BundleError(
            f"the model's files were read by the `read` of case {case.name!r}, and this version of "
            "the case has none; use the version of the case that made the model"
        )
    if interface.reading == UNKNOWN:
        raise BundleError(
            f"case {case.name!r} reads its files in a way of its own, so tuner cannot read new "
            "ones in the same way; give its Case a function `read` that reads one file as `load` "
            "does, and run the same command again"
        )
    channels, height, width = interface.shape.inputs
    return partial(read_image, shape=(channels, height, width))


def _read_by_case(bundle: Bundle, read: Callable[[Path], Tensor], path: Path) -> Tensor:
    """Read a file with the case's own `read`.

    Raises:
        DataError: the file does not exist.
        CaseError: `read` fails, or does not return a row for the model.
        TunerError: any of them that `read` raises.
    """
    case, shape = bundle.case, bundle.interface.shape.inputs
    if not path.exists():
        raise DataError(f"{path} cannot be read: there is no such file")
    try:
        found: object = read(path)
    except TunerError:
        raise
    except Exception as error:
        raise CaseError(f"case {case.name!r}: read fails on {path}: {case.blame(error)}") from error
    kinds = bundle.interface.kinds
    if not isinstance(found, torch.Tensor) or found.shape != shape or found.dtype not in kinds:
        got = (
            f"{found.dtype} of shape {tuple(found.shape)}"
            if isinstance(found, torch.Tensor)
            else type(found).__name__
        )
        raise CaseError(
            f"case {case.name!r}: read returned {got} for {path}; the model takes "
            f"{' or '.join(map(str, kinds))} of shape {shape}"
        )
    return found.double() if bundle.interface.columns else found  # like numbers from a CSV file
