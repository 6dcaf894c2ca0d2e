"""The OpenAPI 3.1 document of the API, generated from its routes, and a page that shows it."""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from starlette.responses import JSONResponse, Response

from tuner import __version__
from tuner.client.answers import Problem
from tuner.serve.api.reading import adapter_of
from tuner.serve.web.access import POLICY
from tuner.serve.web.operation import BINARY, JSON, Operation
from tuner.serve.web.rendering import page
from tuner.serve.web.routing import get, route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.serve.web.operation import Parameter
    from tuner.serve.web.routing import Asked, RoleRoute

PROBLEM = "application/problem+json"
GROUP = "Document"
PAGE = "/tuner/api"
CSP = "Content-Security-Policy"
# RapiDoc needs style attributes. Scripts are restricted as everywhere: our own files, none inline.
STYLED = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
WORDS = (
    "Submit studies, watch them, read their reports, and take models from them. Send a token as "
    "`Authorization: Bearer TOKEN`; on a machine without tokens none is needed. Every error is a "
    "problem document (RFC 9457)."
)
COMMON = (400, 401, 403, 404, 409, 421, 429, 503)  # errors that are possible at each route
WITH_A_BODY = (*COMMON, 408, 413, 415)


def document(routes: Sequence[RoleRoute]) -> dict[str, Any]:
    """Return the OpenAPI document of these routes."""
    operations = [(one, one.operation) for one in routes if one.operation is not None]
    kinds = {Problem}
    for _, operation in operations:
        kinds |= {kind for kind in (operation.body, operation.answer) if kind is not None}
    made, defined = TypeAdapter.json_schemas(
        [(kind.__name__, "validation", adapter_of(kind)) for kind in kinds],
        ref_template="#/components/schemas/{model}",
    )
    schemas = {name: schema for (name, _), schema in made.items()}
    paths: dict[str, dict[str, Any]] = {}
    for one, operation in operations:
        path = paths.setdefault(one.path_format, {})
        path[one.method.lower()] = _described(one, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tuner", "version": __version__, "description": WORDS},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(defined["$defs"].items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(
    route: RoleRoute, operation: Operation, schemas: Mapping[str, Any]
) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", f"{route.method} {route.path_format}").strip("_").lower()
    found: dict[str, Any] = {
        "operationId": name,
        "summary": operation.words,
        "tags": [operation.group],
        "parameters": [
            *(
                {
                    "name": part,
                    "in": "path",
                    "required": True,
                    "schema": operation.path.get(part, {"type": "string", "minLength": 1}),
                }
                for part in route.param_convertors
            ),
            *map(_parameter, operation.parameters),
        ],
        "responses": _answers(operation, schemas),
        "security": [{"token": []}, {}] if route.role else [],
    }
    if route.role:
        found["description"] = f"For the role {route.role}, or a higher one."
    if operation.body is not None:
        content = {JSON: {"schema": schemas[operation.body.__name__]}}
        found["requestBody"] = {"required": True, "content": content}
    elif operation.raw:
        content = {"application/octet-stream": {"schema": BINARY}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.place,
        "required": one.required,
        "description": one.words,
        "schema": one.schema,
    }


def _answers(operation: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    content = {media: {"schema": schema} for media, schema in operation.media.items()}
    if operation.answer is not None:
        content = {JSON: {"schema": schemas[operation.answer.__name__]}}
    has_body = operation.body is not None or operation.raw
    wrong = {PROBLEM: {"schema": schemas[Problem.__name__]}}
    return {
        str(operation.status): {"description": "done", "content": content},
        **{
            str(status): {"description": HTTPStatus(status).phrase, "content": wrong}
            for status in (WITH_A_BODY if has_body else COMMON)
        },
    }


def routes(top: str, others: Sequence[RoleRoute]) -> list[RoleRoute]:
    """Return the routes of the document, which describes all routes, and of its page."""

    @cache
    def whole() -> dict[str, Any]:
        return document([*others, *own])

    def _document(asked: Asked) -> Response:
        del asked
        return JSONResponse(whole())

    def _page(asked: Asked) -> Response:
        context = {"document": whole()}
        return page(asked.request, "api.html", context, headers={CSP: STYLED})

    describing = Operation(words="This document", group=GROUP, media={JSON: {"type": "object"}})
    own = [get(f"{top}/openapi.json", _document, "viewer", describing)]
    return [*own, route(PAGE, _page, "viewer")]
