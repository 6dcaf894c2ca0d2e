"""The HTTP API: JSON in and out, under `/api/v1`.

Its routes are in `studies`, `models`, `data`, `hooks`, `machine` and `tidying`. `reading` parses a
request's body into one of `bodies`; `paging` divides long lists into parts. `prometheus` exports
counts for monitors, and `document` describes the whole API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.api import data, document, hooks, machine, models, studies, tidying
from tuner.serve.api.models import download as download
from tuner.serve.api.studies import report_file as report_file

if TYPE_CHECKING:
    from tuner.serve.web.routing import RoleRoute

V1 = "/api/v1"


def routes() -> list[RoleRoute]:
    """Return the routes of the API."""
    found = [one for room in (machine, tidying, studies, models, hooks) for one in room.routes(V1)]
    found += data.routes()
    return [*found, *document.routes(V1, found)]
