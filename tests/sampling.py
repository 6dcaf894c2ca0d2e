"""Selects the rows of long test tables that run by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark.structures import ParameterSet


def one_in(n: int, rows: Iterable[object]) -> list[ParameterSet]:
    """Return all rows; the first of every `n` runs by default, the others are slow tests.

    A row that is a tuple has a value for each name.
    """
    return [
        pytest.param(
            *(row if type(row) is tuple else (row,)),
            marks=pytest.mark.slow if place % n else (),
        )
        for place, row in enumerate(rows)
    ]
