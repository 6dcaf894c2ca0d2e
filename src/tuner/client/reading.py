"""Checks that an answer is one of a service of tuner's: anything may be at an address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from tuner.errors import ServiceError

A = TypeVar("A", bound=Mapping[str, Any])  # a type of `tuner.client.answers`
MOST_NAMED = 3  # missing fields in a message


def read(shape: type[A], content: bytes | str, top: str, status: int) -> A:
    """Return the JSON object of an answer.

    All fields of the type must be present. Others may be too: a newer service sends more.

    Args:
        top: address of the service.
        status: HTTP status of the answer.

    Raises:
        ServiceError: the answer is from something else.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise another(top, "something that is not JSON", status) from None
    if not isinstance(found, dict):
        raise another(top, "JSON that is not an object", status)
    required: frozenset[str] = vars(shape)["__required_keys__"]
    if missing := sorted(required - found.keys()):
        named = ", ".join(missing[:MOST_NAMED])
        raise another(top, f"JSON without {named} (as an older service may)", status)
    return cast("A", found)


def another(top: str, what: str, status: int) -> ServiceError:
    """Return the error for an answer that is not from a service of tuner's."""
    return ServiceError(
        f"{top} answered {what}, so it is not a service of tuner; check the address", status
    )
