"""Answers, held against what a service of tuner's answers: anything may be at an address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from tuner.errors import ServiceError

A = TypeVar("A", bound=Mapping[str, Any])  # a type of `tuner.client.answers`
MOST_NAMED = 3  # of the fields that an answer does not have


def read(shape: type[A], content: bytes | str, top: str, status: int) -> A:
    """Return the JSON object that an answer is.

    A field that the type has must be there. Others may be: a newer service answers more.

    Args:
        top: address of the service.
        status: of the answer.

    Raises:
        ServiceError: something else has answered.
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
    """Build the error for an answer that no service of tuner's gives."""
    return ServiceError(
        f"{top} answered {what}, so it is not a service of tuner; check the address", status
    )
