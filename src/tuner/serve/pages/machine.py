"""The page of the machine: workers, the queue, the disk, and what can be removed from it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import RedirectResponse

from tuner.runs.folder.cleaning import MEANINGS, is_shared
from tuner.runs.folder.deletion import plan_deletion
from tuner.serve import actions
from tuner.serve.disk.upkeep import MOST_BUDGET, Upkeep
from tuner.serve.jobs.turns import PRIORITIES
from tuner.serve.orders.chores import MOST_DAYS, MOST_NAMED, days, waste
from tuner.serve.orders.requests import whole
from tuner.serve.shelf.data import UPLOADS
from tuner.serve.web.access import OWNER
from tuner.serve.web.rendering import page
from tuner.serve.web.routing import route

if TYPE_CHECKING:
    from starlette.responses import Response

    from tuner.serve.web.routing import Asked, RoleRoute

MACHINE = "/tuner/machine"
SHOWN = 200  # waiting jobs


def _machine(asked: Asked) -> Response:
    service = asked.service
    running, waiting = service.queue.at_work(), service.queue.waiting()
    workplace = service.workplace
    context = {
        "elsewhere": workplace.depot.url if workplace.keeps_elsewhere else "",
        "running": running,
        "waiting": waiting[:SHOWN],
        "more": max(0, len(waiting) - SHOWN),
        "slots": service.supervisor.slots,
        "taken": sum(one.slots or 0 for one in running if one.owner == service.supervisor.owner),
        "ours": service.supervisor.owner,
        "priorities": PRIORITIES,
        "disk": service.room.disk(),
        "usage": service.room.usage(),
        "chores": service.queue.chores(),
        "upkeep": Upkeep.of(service.storage.engine),
        "uploads": [one for one in service.shelf.data.names() if one.startswith(f"{UPLOADS}/")],
    }
    return page(asked.request, "machine.html", context)


def _waste(asked: Asked) -> Response:
    age = days(asked.request.query_params.get("days", "0"))
    found = waste(asked.service.workplace, age)
    context = {
        "age": age,
        "found": found[:MOST_NAMED],
        "more": max(0, len(found) - MOST_NAMED),
        "bytes": sum(one.bytes for one in found),
        "meanings": MEANINGS,
        "root": f"{asked.service.workplace.root}/",
        "shared": is_shared(asked.service.workplace),
    }
    return page(asked.request, "waste.html", context)


def _clean(asked: Asked) -> Response:
    fields = asked.form()
    age = days(fields.get("days", ["0"])[0])
    actions.clean(asked.service, asked.who, age, fields.get("what", []))
    return RedirectResponse(MACHINE, 303)


def _upkeep(asked: Asked) -> Response:
    fields = {name: values[0] for name, values in asked.form().items()}
    upkeep = Upkeep(
        every=whole("every", fields.get("every", ""), 0, MOST_DAYS),
        older_than=whole("older_than", fields.get("older_than", ""), 0, MOST_DAYS),
        budget=whole("budget", fields.get("budget", ""), 0, MOST_BUDGET),
    )
    actions.set_upkeep(asked.service, asked.who, upkeep)
    return RedirectResponse(MACHINE, 303)


def _priority(asked: Asked) -> Response:
    priority = asked.form().get("priority", [""])[0]
    name = asked.path("name")
    actions.prioritise(asked.service, asked.person or OWNER, name, priority)
    return RedirectResponse(f"/tuner/studies/{quote(name, safe='')}", 303)


def _deletion(asked: Asked) -> Response:
    planned = plan_deletion(asked.service.workplace, asked.path("name"))
    models = asked.service.ledger.models(planned.study)
    aliases = [alias for one in models for alias in one.aliases]
    context = {"planned": planned, "models": models, "aliases": aliases}
    return page(asked.request, "delete.html", context)


def _delete(asked: Asked) -> Response:
    asked.form()
    actions.delete(asked.service, asked.who, asked.path("name"))
    return RedirectResponse(MACHINE, 303)


def routes() -> list[RoleRoute]:
    """Return the routes."""
    study = "/tuner/studies/{name}"
    return [
        route(MACHINE, _machine, "viewer"),
        route(f"{MACHINE}/waste", _waste, "operator"),
        route(f"{MACHINE}/clean", _clean, "admin", "POST"),
        route(f"{MACHINE}/upkeep", _upkeep, "admin", "POST"),
        route(f"{study}/priority", _priority, "operator", "POST"),
        route(f"{study}/delete", _deletion, "admin"),
        route(f"{study}/delete", _delete, "admin", "POST"),
    ]
