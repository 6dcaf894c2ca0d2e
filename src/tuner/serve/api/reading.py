"""Parses the body of a request by its type; errors are in the words of the command line."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from tuner.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_SHOWN = 80  # characters of a received value in a message


@cache
def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """Return the parser of a type, which also documents it; cached, because it is slow to make."""
    return TypeAdapter(kind)


def read(kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object, checked against a type of `bodies`.

    Raises:
        UsageError: a field is missing, unknown, or has an invalid value.
    """
    for name, value in given.items():
        for one in (name, *(value if isinstance(value, list) else [value])):
            if isinstance(one, str) and not _is_text(one):
                raise UsageError(f"{name[:LONGEST_SHOWN]!r} has a character that no text has")
    adapter = adapter_of(kind)
    try:
        found: dict[str, Any] = adapter.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise _wrong(first["type"], str(first["loc"][0]), given, adapter.json_schema()) from error
    return found


def _is_text(value: str) -> bool:
    """Whether a database can store a text: JSON may contain lone surrogates or zero bytes."""
    return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _wrong(kind: str, name: str, given: Mapping[str, Any], schema: Mapping[str, Any]) -> UsageError:
    fields: Mapping[str, Any] = schema.get("properties", {})
    if kind == "extra_forbidden":
        return unknown_name("option", "options", name[:LONGEST_SHOWN], fields)
    if kind == "missing":
        return UsageError(f"the body has no {name!r}; it takes {takes(fields[name])}")
    choices = _choices(fields[name])
    if choices and isinstance(given[name], str):
        plural = f"{name}es" if name.endswith("s") else f"{name}s"
        return unknown_name(name, plural, given[name][:LONGEST_SHOWN], choices)
    got = repr(given[name])
    got = got if len(got) <= LONGEST_SHOWN else f"{got[:LONGEST_SHOWN]}..."
    return UsageError(f"{name}: got {got}; it takes {takes(fields[name])}")


def _choices(schema: Mapping[str, Any]) -> list[str]:
    """Return the texts that a field accepts; empty if it accepts any."""
    found: list[str] = schema.get("enum", [])
    return found or [one for part in schema.get("anyOf", ()) for one in part.get("enum", ())]


def takes(schema: Mapping[str, Any]) -> str:
    """Return in words which values a JSON schema of ours accepts."""
    if "anyOf" in schema:
        return " or ".join(takes(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    match schema["type"]:
        case "integer":
            return f"a whole number, {schema['minimum']} to {schema['maximum']}"
        case "number":
            return f"a number above {schema['exclusiveMinimum']:g}"
        case "boolean":
            return "true or false"
        case "array":
            like = " like NAME=VALUE" if "NAME=VALUE" in schema.get("description", "") else ""
            return f"a list of at most {schema['maxItems']} texts{like}"
        case _:
            least = f"{schema['minLength']} to" if "minLength" in schema else "at most"
            return f"a text of {least} {schema['maxLength']} letters"
