"""The pages: the same acts as the API, for a browser. Reading them needs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import RedirectResponse

from tuner.depot.contract import MOST_MODELS
from tuner.errors import DepotError, StudyError, UsageError
from tuner.language import reason_of, said
from tuner.report.facts.origin import dashboard_of
from tuner.serve import actions, machine, newstudy, uploads
from tuner.serve.access import COOKIE, address_of
from tuner.serve.addresses import HOME, own_page
from tuner.serve.api import download, report_file
from tuner.serve.comparing import MOST, compare
from tuner.serve.listing import Filter
from tuner.serve.rendering import page, to_study
from tuner.serve.requests import ARMS, whole
from tuner.serve.routing import LOGIN, route
from tuner.serve.switching import switch
from tuner.serve.tables import STATES

if TYPE_CHECKING:
    from starlette.responses import Response

    from tuner.serve.ledger import Model
    from tuner.serve.routing import Asked, RoleRoute

ROWS = 50  # of a list, on one page
SUGGESTED = 200  # names of studies that a field offers
FURTHER_STATES = ("confirmed", "searched", "interrupted")  # of studies without an open job


def _root(asked: Asked) -> Response:
    del asked
    return RedirectResponse(HOME, 303)


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
    models, unreached = _models_there(asked, name)
    context = {
        "unreached": unreached,
        "now": found,
        "has_report": (service.workplace.report(name) / "report.html").is_file(),
        "models": models,
        "making": [one for one in service.queue.retrainings() if one.study == name],
        "arms": ARMS,
        "most_models": MOST_MODELS,
        "tags": service.tidying.tags_of(name),
        "archived": service.tidying.is_archived(name),
    }
    return page(asked.request, "study.html", context)


def _models_there(asked: Asked, study: str | None = None) -> tuple[list[Model], str]:
    """Return the models, and why their place cannot be reached, if so: the page has more to say."""
    try:
        return asked.service.ledger.models(study), ""
    except DepotError as error:
        return [], str(error)


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
    arm = asked.form().get("arm", [""])[0]
    models = asked.form().get("models", ["1"])[0]
    actions.retrain(asked.service, asked.who, asked.path("name"), arm, models)
    return RedirectResponse("/tuner/models", 303)


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


def _models(asked: Asked) -> Response:
    ledger = asked.service.ledger
    making = asked.service.queue.retrainings()
    models, unreached = _models_there(asked)
    context = {
        "models": models,
        "unreached": unreached,
        "ledger": ledger.history(),
        "making": making,
    }
    return page(asked.request, "models.html", context)


def _model(asked: Asked) -> Response:
    model = asked.service.ledger.model(asked.path("study"), asked.path("bundle"))
    proof = None if model.damage else asked.service.ledger.proof(model)
    history = asked.service.ledger.history(model.case)
    return page(asked.request, "model.html", {"model": model, "proof": proof, "history": history})


def _promote(asked: Asked) -> Response:
    fields = asked.form()
    actions.promote(
        asked.service,
        asked.who,
        asked.path("study"),
        asked.path("bundle"),
        fields.get("alias", [""])[0],
        fields.get("reason", [""])[0],
    )
    return RedirectResponse("/tuner/models", 303)


def _roll_back(asked: Asked) -> Response:
    reason = asked.form().get("reason", [""])[0]
    actions.roll_back(asked.service, asked.who, asked.path("case"), reason)
    return RedirectResponse("/tuner/models", 303)


def _acts(asked: Asked) -> Response:
    return page(asked.request, "acts.html", {"acts": asked.service.acts.newest()})


def _login(asked: Asked) -> Response:
    return _login_page(asked, asked.request.query_params.get("next", HOME))


def _login_page(asked: Asked, next_page: str, wrong: str = "", status: int = 200) -> Response:
    context = {"wrong": wrong, "next_page": next_page}
    return page(asked.request, "login.html", context, status=status)


def _log_in(asked: Asked) -> Response:
    fields = asked.form()
    token, next_page = (fields.get(name, [""])[0].strip() for name in ("token", "next"))
    failures, address = asked.request.state.failures, address_of(asked.request)
    person = asked.service.tokens.find(token)
    if person is None and failures.too_many(address):
        wrong = said("There were too many wrong tokens. Try again in a minute.")
        return _login_page(asked, next_page, wrong, 429)
    if person is None:
        failures.note(address)
        wrong = said("This token is not known, or it has expired. Ask for another.")
        return _login_page(asked, next_page, wrong, 401)
    answer = RedirectResponse(own_page(next_page), 303)
    answer.set_cookie(
        COOKIE,
        asked.service.sessions.begin(person),
        httponly=True,
        samesite="strict",
        secure=asked.request.url.scheme == "https",
    )
    return answer


def _log_out(asked: Asked) -> Response:
    asked.form()
    if asked.person:
        asked.service.sessions.end(asked.person.session)
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(COOKIE)
    return answer


def routes() -> list[RoleRoute]:
    """Return the routes of the pages."""
    study, model = "/tuner/studies/{name}", "/tuner/models/{study}/{bundle}"
    return [
        route("/", _root, None),
        route(HOME, _studies, "viewer"),
        *newstudy.routes(),
        *uploads.routes(),
        route(study, _study, "viewer"),
        route(f"{study}/report", _report, "viewer"),
        route(f"{study}/reports/{{file}}", report_file, "viewer"),
        route(f"{study}/total", _total, "operator", "POST"),
        route(f"{study}/tries", _try, "operator", "POST"),
        route(f"{study}/models", _retrain, "operator", "POST"),
        route(f"{study}/child", _child, "operator", "POST"),
        route(f"{study}/tags", _tag, "operator", "POST"),
        route(f"{study}/archive", _archive, "operator", "POST"),
        *machine.routes(),
        route(f"{study}/{{act}}", _steer, "operator", "POST"),
        route("/tuner/compare", _compare, "viewer"),
        route("/tuner/models", _models, "viewer"),
        route(model, _model, "viewer"),
        route(f"{model}/download", download, "viewer"),
        route(f"{model}/promote", _promote, "operator", "POST"),
        route("/tuner/cases/{case:path}/roll-back", _roll_back, "operator", "POST"),
        route("/tuner/acts", _acts, "admin"),
        route(LOGIN, _login, None),
        route(LOGIN, _log_in, None, "POST"),
        route("/tuner/language", switch, None, "POST"),
        route("/tuner/logout", _log_out, "viewer", "POST"),
    ]
