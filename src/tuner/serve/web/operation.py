"""The description of an API route, from which the API document is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"
BINARY: Mapping[str, Any] = {"type": "string", "format": "binary"}
TEXT: Mapping[str, Any] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query or a header.

    Attributes:
        schema: JSON Schema of it.
    """

    name: str
    schema: Mapping[str, Any]
    words: str
    place: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The description of a route: what it does, takes and returns.

    Attributes:
        group: heading in the document.
        body: type of the JSON that it takes; None if it takes none.
        raw: whether it takes bytes instead of JSON.
        answer: type of the JSON that it returns.
        media: other responses, as JSON Schema by media type.
        path: JSON Schema of a part of the path that is not a plain name.
    """

    words: str
    group: str
    body: Any = None
    raw: bool = False
    answer: Any = None
    media: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    status: int = 200
    parameters: tuple[Parameter, ...] = ()
    path: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
