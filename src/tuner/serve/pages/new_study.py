"""The page for a new study: its door, data and search space, and its expected duration."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.case.reference import to_door
from tuner.errors import DataError, UsageError
from tuner.language import reason_of, said
from tuner.serve import actions
from tuner.serve.orders.requests import name_of_data, seconds_of
from tuner.serve.shelf.cases import OPEN
from tuner.serve.studies.listing import Filter
from tuner.serve.web.rendering import page, to_study
from tuner.serve.web.routing import route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.responses import Response

    from tuner.case.assignments import Drawn
    from tuner.serve.service import Service
    from tuner.serve.shelf.outlining import Outline
    from tuner.serve.web.routing import Asked, RoleRoute

NEW = "/tuner/new"
CASE = "case"
DOORS = {CASE: said("A case"), "table": said("A table"), "images": said("Pictures")}
TRIALS = 50
LONGEST_NAME = 150


@dataclass(frozen=True, slots=True)
class Field:
    """A hyperparameter in the form.

    Attributes:
        takes: values that it can have, in words.
        default: in the baseline; None if not known yet.
    """

    name: str
    takes: str
    default: object


def _new(asked: Asked) -> Response:
    query = {name: value.strip() for name, value in asked.request.query_params.items()}
    return _form(asked, query, {}, "")


def _form(asked: Asked, query: Mapping[str, str], typed: Mapping[str, str], wrong: str) -> Response:
    """Show the form.

    Args:
        query: the door, its data and options, and whether to read them.
        typed: values that were typed, for a form that is shown again.
    """
    service = asked.service
    door = query.get("door", CASE)
    door = door if door in DOORS else CASE
    cases, case, outline = service.shelf.names(), "", None
    try:
        if door != CASE and query.get("data"):
            door = service.shelf.data.door(query["data"])
        case = _case(door, query, cases)
        if case:
            service.shelf.reference(case)
            read = service.outliner.read if query.get("read") else service.outliner.known
            outline = read(case)
        elif query.get("read"):
            wrong = wrong or said("say which column to predict")
    except (UsageError, DataError) as error:
        case, wrong = "" if door != CASE else "housing", wrong or reason_of(error)
    data = service.shelf.data.names(door)
    columns = service.shelf.data.columns(query["data"]) if query.get("data") in data else []
    context = {
        "doors": DOORS,
        "door": door,
        "options": [one for one in OPEN.get(door, ()) if one != "data"],
        "query": query,
        "cases": cases,
        "case": case,
        "data": data,
        "columns": columns,
        "outline": outline,
        "fields": _fields(service, case, outline),
        "name": typed.get("name") or _free(service, _name(door, case, query)),
        "trials": TRIALS,
        "slots": service.supervisor.slots,
        "earlier": service.browser.earlier(case, TRIALS, service.supervisor.slots)
        if case
        else None,
        "typed": typed,
        "wrong": wrong,
    }
    return page(asked.request, "new.html", context, status=400 if wrong else 200)


def _case(door: str, query: Mapping[str, str], cases: list[str]) -> str:
    """Return the chosen case; empty while options of a door are missing."""
    if door == CASE:
        named = query.get("case", "housing")
        return named if named in cases else "housing"
    given = {name: query[name] for name in OPEN[door] if query.get(name)}
    enough = "data" in given and (door != "table" or "target" in given)
    return to_door(door, given) if enough else ""


def _fields(service: Service, case: str, outline: Outline | None) -> list[Field]:
    if outline is not None:
        return [
            Field(name, _takes(drawn, name in outline.logarithmic), outline.baseline.get(name))
            for name, drawn in outline.space.items()
        ]
    space = (service.shelf.space(case) if case else None) or {}
    return [Field(name, _takes(drawn), None) for name, drawn in space.items()]


def _takes(drawn: Drawn | None, logarithmic: bool = False) -> str:
    if drawn is None:
        return said("computed by the case")
    if drawn.choices is not None:
        return ", ".join(map(str, drawn.choices))
    ends = {"low": drawn.low, "high": drawn.high}
    if drawn.step not in {None, 1}:
        return said("{low} to {high} in steps of {step}", **ends, step=drawn.step)
    if logarithmic:
        return said("{low} to {high}, logarithmic", **ends)
    return said("{low} to {high}", **ends)


def _name(door: str, case: str, query: Mapping[str, str]) -> str:
    if door == CASE:
        return case
    return name_of_data(query.get("data", ""))[:LONGEST_NAME]


def _free(service: Service, name: str) -> str:
    """Return a name that no study has: with an existing name, that study would be continued."""
    browser = service.browser
    taken = {row.name for away in (False, True) for row in browser.studies(Filter(archived=away))}
    return next(one for one in _numbered(name) if one not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in itertools.count(2):
        yield f"{name} {number}"


def _submit(asked: Asked) -> Response:
    fields = {name: values[0].strip() for name, values in asked.form().items()}
    wanted: dict[str, Any] = {
        name: fields.get(name, "") for name in ("case", "name", "trials", "seeds", "seed")
    }
    fixed = [
        f"{name.removeprefix('fix:')}={value}"
        for name, value in fields.items()
        if name.startswith("fix:") and value
    ]
    try:
        minutes = fields.get("minutes")
        if minutes:
            wanted["budget"] = seconds_of(minutes)
        key = fields.get("key") or None
        job = actions.submit(asked.service, asked.who, {**wanted, "fix": fixed}, key)
    except UsageError as error:
        query = {"door": fields.get("door", CASE), "case": fields.get("case", "")}
        query |= {name: fields[f"door:{name}"] for name in ALL if fields.get(f"door:{name}")}
        return _form(asked, query, fields, reason_of(error))
    return to_study(job.study)


ALL = tuple(dict.fromkeys(name for names in OPEN.values() for name in names))


def routes() -> list[RoleRoute]:
    """Return the routes."""
    return [route(NEW, _new, "operator"), route(NEW, _submit, "operator", "POST")]
