"""Routes that keep order: tags, the archive, priorities, deletions and clean-ups."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from tuner.client import answers
from tuner.runs.folder.cleaning import MEANINGS
from tuner.runs.folder.deletion import plan_deletion
from tuner.serve import actions
from tuner.serve.api import bodies
from tuner.serve.api.reading import read
from tuner.serve.disk.upkeep import Upkeep
from tuner.serve.orders.chores import MOST_DAYS, MOST_NAMED, days, waste
from tuner.serve.studies.browsing import job_facts
from tuner.serve.web.access import OWNER
from tuner.serve.web.operation import Operation, Parameter
from tuner.serve.web.routing import get, post

if TYPE_CHECKING:
    from tuner.serve.web.routing import Asked, RoleRoute

STUDIES, GROUP = "Studies", "Order"


def _tag(asked: Asked) -> Response:
    tags = read(bodies.TagsWish, asked.json())["tags"]
    name = asked.path("name")
    kept = actions.tag(asked.service, asked.who, name, tags)
    return JSONResponse({"study": name, "tags": kept})


def _archive(asked: Asked) -> Response:
    return _put(asked, away=True)


def _bring_back(asked: Asked) -> Response:
    return _put(asked, away=False)


def _put(asked: Asked, *, away: bool) -> Response:
    read(bodies.Nothing, asked.json())
    name = asked.path("name")
    actions.archive(asked.service, asked.who, name, away=away)
    return JSONResponse({"study": name, "archived": away})


def _prioritise(asked: Asked) -> Response:
    priority = read(bodies.PriorityWish, asked.json())["priority"]
    job = actions.prioritise(asked.service, asked.person or OWNER, asked.path("name"), priority)
    return JSONResponse(job_facts(job))


def _deletion(asked: Asked) -> Response:
    planned = plan_deletion(asked.service.workplace, asked.path("name"))
    models = asked.service.ledger.models(planned.study)
    root = f"{asked.service.workplace.root}/"
    return JSONResponse(
        {
            "study": planned.study,
            "trials": planned.trials,
            "trainings": planned.trainings,
            "bytes": planned.bytes,
            "paths": [path.removeprefix(root) for path in planned.paths],
            "models": [one.bundle for one in models],
            "aliases": sorted(alias for one in models for alias in one.aliases),
        }
    )


def _delete(asked: Asked) -> Response:
    read(bodies.Nothing, asked.json())
    return JSONResponse(
        job_facts(actions.delete(asked.service, asked.who, asked.path("name"))), 201
    )


def _waste(asked: Asked) -> Response:
    age = days(asked.query("days", "0"))
    found = waste(asked.service.workplace, age)
    shown = [
        {"what": one.what, "kind": one.kind, "meaning": MEANINGS[one.kind], "bytes": one.bytes}
        for one in found[:MOST_NAMED]
    ]
    told = {"days": age, "bytes": sum(one.bytes for one in found), "found": len(found)}
    return JSONResponse({**told, "waste": shown})


def _clean(asked: Asked) -> Response:
    wish = read(bodies.CleanWish, asked.json())
    job = actions.clean(asked.service, asked.who, wish.get("days", 0), wish.get("what"))
    return JSONResponse(job_facts(job), 201)


def _upkeep(asked: Asked) -> Response:
    return JSONResponse(asdict(Upkeep.of(asked.service.storage.engine)))


def _set_upkeep(asked: Asked) -> Response:
    upkeep = Upkeep(**read(bodies.UpkeepWish, asked.json()))
    actions.set_upkeep(asked.service, asked.who, upkeep)
    return JSONResponse(asdict(upkeep))


TAGGING = Operation(
    words="Replace the tags of a study",
    group=STUDIES,
    body=bodies.TagsWish,
    answer=answers.Tags,
)
ARCHIVING = Operation(
    words="Archive a study: lists leave it out, unless they ask for archived studies",
    group=STUDIES,
    body=bodies.Nothing,
    answer=answers.Archived,
)
BRINGING_BACK = Operation(
    words="Take a study out of the archive",
    group=STUDIES,
    body=bodies.Nothing,
    answer=answers.Archived,
)
PRIORITY = Operation(
    words="Set the priority of a study: a higher one starts first; only an admin can set high",
    group=STUDIES,
    body=bodies.PriorityWish,
    answer=answers.Job,
)
PLANNING = Operation(
    words="Show what deleting a study would remove and free; nothing is deleted",
    group=STUDIES,
    answer=answers.Deletion,
)
DELETING = Operation(
    words="Delete a study with everything that belongs to it, as a job",
    group=STUDIES,
    body=bodies.Nothing,
    answer=answers.Job,
    status=201,
)
AGE = Parameter(
    "days",
    {"type": "integer", "minimum": 0, "maximum": MOST_DAYS},
    "only what has not changed for so many days; default 0",
)
LOOKING = Operation(
    words=f"Show what can be removed, the {MOST_NAMED} largest; nothing is removed",
    group=GROUP,
    answer=answers.WasteFound,
    parameters=(AGE,),
)
CLEANING = Operation(
    words="Remove files that are not needed, all or only the named ones, as a job",
    group=GROUP,
    body=bodies.CleanWish,
    answer=answers.Job,
    status=201,
)
UPKEEP = Operation(
    words="Read when the service cleans up by itself, and how much a study may keep",
    group=GROUP,
    answer=answers.Upkeep,
)
SETTING = Operation(
    words="Set when the service cleans up by itself, and how much a study may keep",
    group=GROUP,
    body=bodies.UpkeepWish,
    answer=answers.Upkeep,
)


def routes(top: str) -> list[RoleRoute]:
    """Return the routes under a path; they come before `{study}/{act}`, which matches any act."""
    study, machine = f"{top}/studies/{{name}}", f"{top}/machine"
    return [
        post(f"{study}/tags", _tag, "operator", TAGGING),
        post(f"{study}/archive", _archive, "operator", ARCHIVING),
        post(f"{study}/unarchive", _bring_back, "operator", BRINGING_BACK),
        post(f"{study}/priority", _prioritise, "operator", PRIORITY),
        get(f"{study}/deletion", _deletion, "admin", PLANNING),
        post(f"{study}/deletion", _delete, "admin", DELETING),
        get(f"{machine}/waste", _waste, "operator", LOOKING),
        post(f"{machine}/clean", _clean, "admin", CLEANING),
        get(f"{machine}/upkeep", _upkeep, "viewer", UPKEEP),
        post(f"{machine}/upkeep", _set_upkeep, "admin", SETTING),
    ]
