"""Routes for data: list tables and pictures, and upload more. They accept no code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from tuner.client import answers
from tuner.serve.web.access import API_DATA, LARGEST_UPLOAD
from tuner.serve.web.operation import TEXT, Operation, Parameter
from tuner.serve.web.routing import RoleRoute, get
from tuner.serve.web.uploads import receive

if TYPE_CHECKING:
    from tuner.serve.web.routing import Asked

GROUP = "Data"


def _data(asked: Asked) -> Response:
    return JSONResponse({"data": asked.service.shelf.data.names(), "most_bytes": LARGEST_UPLOAD})


NAME = Parameter(
    "name",
    TEXT,
    "of the file: a table (.csv, .parquet), or pictures in a folder for each class (.zip)",
    required=True,
)
LISTING = Operation(
    words="List data, and how large an upload may be", group=GROUP, answer=answers.Data
)
SENDING = Operation(
    words="Send a table, or a ZIP file of pictures: the body is the file itself",
    group=GROUP,
    raw=True,
    answer=answers.Sent,
    status=201,
    parameters=(NAME,),
)


def routes() -> list[RoleRoute]:
    """Return the routes."""
    return [
        get(API_DATA, _data, "viewer", LISTING),
        RoleRoute(API_DATA, receive, "operator", "POST", SENDING),
    ]
