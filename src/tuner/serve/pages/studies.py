"""The pages of studies: the list, one study with its actions, and a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import RedirectResponse

from tuner.depot.contract import MOST_MODELS
from tuner.errors import StudyError, UsageError
from tuner.language import reason_of
from tuner.report.facts.origin import dashboard_of
from tuner.serve import actions
from tuner.serve.api import report_file
from tuner.serve.orders.requests import ARMS, MOST_SEEDS, ROUNDS, seconds_of, whole
from tuner.serve.pages.models import models_there
from tuner.serve.studies.comparing import MOST, compare
from tuner.serve.studies.listing import Filter
from tuner.serve.tables import STATES
from tuner.serve.web.addresses import HOME
from tuner.serve.web.rendering import page, to_study
from tuner.serve.web.routing import route

if TYPE_CHECKING:
    from starlette.responses import Response

    from tuner.serve.web.routing import Asked, RoleRoute

ROWS = 50  # of a list, per page
SUGGESTED = 200  # names of studies that a field suggests
FURTHER_STATES = ("confirmed", "searched", "interrupted")  # of studies without an open job


def _studies(asked: Asked) -> Response:
    query = asked.request.query_params
    words, state, tag = (query.get(name, "") for name in ("q", "state", "tag"))
    archived = bool(query.get("archived"))
    wanted = Filter(words=words, state=state, tag=tag, archived=archived)
    rows = asked.service.browser.studies(wanted)
    pages = max(1, -(-len(rows) // ROWS))
    number = min(whole("page", query.get("page") or 1, 1, 10**6), pages)
    filters = {"q": words, "state": state, "tag": tag, "archived": "1" if archived else ""}
    kept = urlencode({name: value for name, value in filters.items() if value})
    context = {
        "rows": rows[(number - 1) * ROWS : number * ROWS],
        "count": len(rows),
        "left": asked.service.browser.summaries.left,
        "number": number,
        "pages": pages,
        "kept": kept,
        "words": words,
        "state": state,
        "tag": tag,
        "archived": archived,
        "tags": sorted({one for tags in asked.service.tidying.tags().values() for one in tags}),
        "states": [*STATES, *FURTHER_STATES],
        "dashboard": dashboard_of(asked.service.workplace),
    }
    return page(asked.request, "studies.html", context)


def _study(asked: Asked) -> Response:
    service = asked.service
    found = service.browser.study(asked.path("name"))
    name = found["study"]
    models, unreached = models_there(asked, name)
    context = {
        "unreached": unreached,
        "now": found,
        "outcome": service.browser.outcome(name),
        "has_report": (service.workplace.report(name) / "report.html").is_file(),
        "models": models,
        "making": [one for one in service.queue.retrainings() if one.study == name],
        "measuring": service.queue.of_study(name, "ablate"),
        "arms": ARMS,
        "most_models": MOST_MODELS,
        "rounds": ROUNDS,
        "most_rounds": MOST_SEEDS,
        "tags": service.tidying.tags_of(name),
        "archived": service.tidying.is_archived(name),
    }
    return page(asked.request, "study.html", context)


def _child(asked: Asked) -> Response:
    fields = asked.form()
    fix = fields.get("fix", [""])[0].split()
    job = actions.begin_child(
        asked.service,
        asked.who,
        asked.path("name"),
        fields.get("name", [""])[0].strip(),
        fix,
        accept="accept" in fields,
    )
    return to_study(job.study)


def _tag(asked: Asked) -> Response:
    typed = asked.form().get("tags", [""])[0]
    actions.tag(asked.service, asked.who, asked.path("name"), typed.split(","))
    return to_study(asked.path("name"))


def _archive(asked: Asked) -> Response:
    away = asked.form().get("away", [""])[0] == "1"
    actions.archive(asked.service, asked.who, asked.path("name"), away=away)
    return to_study(asked.path("name"))


def _report(asked: Asked) -> Response:
    name = asked.path("name")
    asked.service.browser.study(name)
    has_report = (asked.service.workplace.report(name) / "report.html").is_file()
    return page(asked.request, "report.html", {"study": name, "has_report": has_report})


def _steer(asked: Asked) -> Response:
    asked.form()
    actions.steer(asked.service, asked.who, asked.path("name"), asked.path("act"))
    return to_study(asked.path("name"))


def _total(asked: Asked) -> Response:
    trials = asked.form().get("trials", [""])[0]
    actions.change_total(asked.service, asked.who, asked.path("name"), trials)
    return to_study(asked.path("name"))


def _try(asked: Asked) -> Response:
    typed = asked.form().get("try", [""])[0]
    actions.add_try(asked.service, asked.who, asked.path("name"), typed)
    return to_study(asked.path("name"))


def _retrain(asked: Asked) -> Response:
    fields = asked.form()
    arm, models = fields.get("arm", ["best"])[0], fields.get("models", ["1"])[0]
    only = fields.get("only", [""])[0].replace(",", " ").split()
    actions.retrain(asked.service, asked.who, asked.path("name"), arm, models, only)
    return RedirectResponse("/tuner/models", 303)


def _ablate(asked: Asked) -> Response:
    fields = asked.form()
    seeds, minutes = (fields.get(name, [""])[0].strip() for name in ("seeds", "minutes"))
    budget = seconds_of(minutes) if minutes else None
    actions.ablate(asked.service, asked.who, asked.path("name"), seeds, budget)
    return to_study(asked.path("name"))


def _compare(asked: Asked) -> Response:
    query = asked.request.query_params
    labels = [one.strip() for one in query.getlist("study") if one.strip()]
    found, wrong = None, ""
    if labels:
        try:
            found = compare(asked.service.storage, labels)
        except (UsageError, StudyError) as error:
            wrong = reason_of(error)
    suggested = [row.name for row in asked.service.browser.studies() if row.best is not None]
    context = {
        "found": found,
        "wrong": wrong,
        "labels": [*labels, *[""] * (2 - len(labels))],
        "room": len(labels) < MOST,
        "suggested": suggested[:SUGGESTED],
    }
    return page(asked.request, "compare.html", context, status=400 if wrong else 200)


def routes() -> list[RoleRoute]:
    """Return the routes of these pages."""
    study = "/tuner/studies/{name}"
    return [
        route(HOME, _studies, "viewer"),
        route(study, _study, "viewer"),
        route(f"{study}/report", _report, "viewer"),
        route(f"{study}/reports/{{file}}", report_file, "viewer"),
        route(f"{study}/total", _total, "operator", "POST"),
        route(f"{study}/tries", _try, "operator", "POST"),
        route(f"{study}/models", _retrain, "operator", "POST"),
        route(f"{study}/ablation", _ablate, "operator", "POST"),
        route(f"{study}/child", _child, "operator", "POST"),
        route(f"{study}/tags", _tag, "operator", "POST"),
        route(f"{study}/archive", _archive, "operator", "POST"),
        route(f"{study}/{{act}}", _steer, "operator", "POST"),
        route("/tuner/compare", _compare, "viewer"),
    ]
