"""Long lists, a part at a time: how many, and after what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.orders.requests import whole
from tuner.serve.web.operation import TEXT, Parameter

if TYPE_CHECKING:
    from tuner.serve.web.routing import Asked

USUAL, MOST = 100, 1000  # rows of an answer
LIMIT = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    "most rows in one answer",
)
CURSOR = Parameter("cursor", TEXT, "`next` of the previous answer, to get the rows after it")


def limit_of(asked: Asked) -> int:
    """Return how many rows are asked for.

    Raises:
        UsageError: it is no such number.
    """
    return whole("limit", asked.query("limit", str(USUAL)), 1, MOST)
