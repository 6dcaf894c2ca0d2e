"""Pagination of long lists, by a limit and a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.orders.requests import whole
from tuner.serve.web.operation import TEXT, Parameter

if TYPE_CHECKING:
    from tuner.serve.web.routing import Asked

USUAL, MOST = 100, 1000  # default and largest number of rows in a response
LIMIT = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    "most rows in one answer",
)
CURSOR = Parameter("cursor", TEXT, "`next` of the previous answer, to get the rows after it")


def limit_of(asked: Asked) -> int:
    """Return the requested number of rows.

    Raises:
        UsageError: it is not a number, or out of range.
    """
    return whole("limit", asked.query("limit", str(USUAL)), 1, MOST)
