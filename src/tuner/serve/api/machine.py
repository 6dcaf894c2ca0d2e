"""Routes for the service itself: health, metrics, the queue and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tuner.client import answers
from tuner.language import said
from tuner.serve.api.paging import CURSOR, LIMIT, limit_of
from tuner.serve.api.prometheus import exposition
from tuner.serve.orders.requests import whole
from tuner.serve.studies.browsing import job_facts
from tuner.serve.times import iso
from tuner.serve.web.operation import TEXT, Operation
from tuner.serve.web.routing import get

if TYPE_CHECKING:
    from tuner.serve.web.routing import Asked, RoleRoute

GROUP = "Service"
LARGEST_NUMBER = 2**63 - 1  # largest number of a row
PLAIN = {"text/plain": TEXT}


def _healthz(asked: Asked) -> Response:
    del asked
    return PlainTextResponse("ok\n")


def _readyz(asked: Asked) -> Response:
    asked.service.queue.states()  # raises an error if the database cannot be read
    if not (asked.service.supervisor.is_well and asked.service.messenger.is_well):
        raise HTTPException(
            503, said("a part of the service has ended or hangs; restart the service")
        )
    return PlainTextResponse("ready\n")


def _metrics(asked: Asked) -> Response:
    return PlainTextResponse(exposition(asked.service), media_type="text/plain; version=0.0.4")


def _jobs(asked: Asked) -> Response:
    limit, cursor = limit_of(asked), asked.query("cursor")
    before = None if cursor is None else whole("cursor", cursor, 1, LARGEST_NUMBER)
    found = asked.service.queue.newest(limit + 1, before)
    more = len(found) > limit
    facts = [job_facts(job) for job in found[:limit]]
    return JSONResponse({"jobs": facts, "next": str(found[limit - 1].id) if more else None})


def _machine(asked: Asked) -> Response:
    service = asked.service
    running, disk, usage = service.queue.at_work(), service.room.disk(), service.room.usage()
    ours = [one for one in running if one.owner == service.supervisor.owner]
    return JSONResponse(
        {
            "workers": service.supervisor.slots,
            "taken": sum(one.slots or 0 for one in ours),
            "running": [job_facts(one) for one in running],
            "waiting": [job_facts(one) for one in service.queue.waiting()],
            "disk": {"total": disk.total, "free": disk.free},
            "usage": usage.parts,
            "studies": usage.studies,
        }
    )


def _acts(asked: Asked) -> Response:
    lines = asked.service.acts.newest()
    facts = [{"at": iso(o.at), "who": o.who, "what": o.what, "on": o.on} for o in lines]
    return JSONResponse({"acts": facts})


HEALTH = Operation(words="Whether the service answers", group=GROUP, media=PLAIN)
READY = Operation(
    words="Whether the database answers too, and jobs and messages are processed",
    group=GROUP,
    media=PLAIN,
)
METRICS = Operation(words="Counts and times for Prometheus", group=GROUP, media=PLAIN)
JOBS = Operation(
    words="List the jobs, newest first",
    group=GROUP,
    answer=answers.Jobs,
    parameters=(LIMIT, CURSOR),
)
MACHINE = Operation(
    words="Show workers, the queue in the order in which it starts, and the disk",
    group=GROUP,
    answer=answers.Machine,
)
ACTS = Operation(words="Read the log of who did what", group=GROUP, answer=answers.Acts)


def routes(top: str) -> list[RoleRoute]:
    """Return the routes under a path, and the usual ones outside it, such as for health checks."""
    return [
        get("/healthz", _healthz, None, HEALTH),
        get("/readyz", _readyz, None, READY),
        get("/metrics", _metrics, "viewer", METRICS),
        get(f"{top}/jobs", _jobs, "viewer", JOBS),
        get(f"{top}/machine", _machine, "viewer", MACHINE),
        get(f"{top}/acts", _acts, "admin", ACTS),
    ]
