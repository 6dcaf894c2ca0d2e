"""The HTTP API, `/api/v1`: JSON in and out."""

from __future__ import annotations

import calendar
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from tuner.errors import UsageError
from tuner.naming import folder_name
from tuner.report.rows import trials_csv
from tuner.runs.contrast import contrast
from tuner.serve import actions
from tuner.serve.browsing import check_names, job_facts, row_facts
from tuner.serve.events import stream
from tuner.serve.routing import route
from tuner.serve.tables import STATES
from tuner.serve.takeaway import packed
from tuner.serve.times import iso
from tuner.study.catalogue import Catalogue

if TYPE_CHECKING:
    from tuner.serve.ledger import Model
    from tuner.serve.routing import Asked, RoleRoute
    from tuner.serve.tables import Promotion

V1 = "/api/v1"
REPORTS = {"report.html": "text/html", "report.json": "application/json", "report.md": "text/plain"}
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


def _studies(asked: Asked) -> Response:
    query = asked.request.query_params
    rows = asked.service.browser.studies(query.get("q", ""), query.get("state", ""))
    return JSONResponse({"studies": [row_facts(row) for row in rows]})


def _submit(asked: Asked) -> Response:
    key = asked.request.headers.get("idempotency-key")
    job = actions.submit(asked.service, asked.who, asked.json(), key)
    return JSONResponse(job_facts(job), 201)


def _study(asked: Asked) -> Response:
    return JSONResponse(asked.service.browser.study(asked.path("name")))


def _events(asked: Asked) -> Response:
    return stream(
        asked.service.browser, asked.path("name"), asked.request.headers.get("last-event-id")
    )


def _trials(asked: Asked) -> Response:
    return JSONResponse({"trials": asked.service.browser.trials(asked.path("name"))})


def _trials_csv(asked: Asked) -> Response:
    study = Catalogue(asked.service.storage).load(asked.path("name"))
    return PlainTextResponse(trials_csv(study.get_trials(deepcopy=False)), media_type="text/csv")


def report_file(asked: Asked) -> Response:
    """Return a file of a study's report.

    Raises:
        UsageError: there is no such study, or no report of it yet.
    """
    name, file = folder_name(asked.path("name")), asked.path("file")
    Catalogue(asked.service.storage).check(name)
    path = asked.service.workplace.report(name) / file
    if file not in REPORTS or not path.is_file():
        raise UsageError(f"no {file} of study {name!r}; a report is written when a study ends")
    return FileResponse(
        path, media_type=REPORTS[file], headers={"Content-Security-Policy": REPORT_POLICY}
    )


def _steer(asked: Asked) -> Response:
    asked.json()
    job = actions.steer(asked.service, asked.who, asked.path("name"), asked.path("act"))
    return JSONResponse(job_facts(job))


def _total(asked: Asked) -> Response:
    trials = asked.json().get("trials")
    job = actions.change_total(asked.service, asked.who, asked.path("name"), trials)
    return JSONResponse(job_facts(job))


def _try(asked: Asked) -> Response:
    typed = asked.json().get("try")
    return JSONResponse(
        job_facts(actions.add_try(asked.service, asked.who, asked.path("name"), typed))
    )


def _retrain(asked: Asked) -> Response:
    arm = asked.json().get("arm", "best")
    job = actions.retrain(asked.service, asked.who, asked.path("name"), arm)
    return JSONResponse(job_facts(job), 201)


def _jobs(asked: Asked) -> Response:
    return JSONResponse({"jobs": [job_facts(job) for job in asked.service.queue.all()]})


def _compare(asked: Asked) -> Response:
    names = asked.request.query_params.getlist("study")
    check_names(names)
    return JSONResponse(contrast(asked.service.workplace, *names))


def _models(asked: Asked) -> Response:
    return JSONResponse({"models": [model_facts(one) for one in asked.service.ledger.models()]})


def _model(asked: Asked) -> Response:
    model = asked.service.ledger.model(asked.path("study"), asked.path("bundle"))
    proof = asked.service.ledger.proof(model)
    facts = {"proven": proof.proven, "sentence": proof.sentence}
    return JSONResponse({**model_facts(model), "proof": facts, "manifest": dict(model.manifest)})


def download(asked: Asked) -> Response:
    """Return a bundle as a ZIP file."""
    model = asked.service.ledger.model(asked.path("study"), asked.path("bundle"))
    path = packed(model)
    return FileResponse(
        path,
        media_type="application/zip",
        filename=f"{model.study}-{model.bundle}.zip",
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


def _predict(asked: Asked) -> Response:
    model = asked.service.ledger.model(asked.path("study"), asked.path("bundle"))
    if asked.request.headers.get("content-type", "").startswith(("multipart/", "application/x-")):
        raise UsageError("send the bytes of the image, or the CSV, as the body itself")
    return JSONResponse({"predictions": asked.service.predictor.predict(model, asked.body)})


def _promote(asked: Asked) -> Response:
    given = asked.json()
    done = actions.promote(
        asked.service,
        asked.who,
        asked.path("study"),
        asked.path("bundle"),
        given.get("alias", "current"),
        given.get("reason"),
    )
    return JSONResponse(promotion_facts(done), 201)


def _roll_back(asked: Asked) -> Response:
    reason = asked.json().get("reason")
    done = actions.roll_back(asked.service, asked.who, asked.path("case"), reason)
    return JSONResponse(promotion_facts(done), 201)


def _ledger(asked: Asked) -> Response:
    case = asked.request.query_params.get("case")
    lines = asked.service.ledger.history(case)
    return JSONResponse({"ledger": [promotion_facts(one) for one in lines]})


def _current(asked: Asked) -> Response:
    at = asked.request.query_params.get("at")
    found = asked.service.ledger.current(asked.path("case"), at=None if at is None else _time(at))
    if found is None:
        raise UsageError(f"no model of case {asked.path('case')!r} is, or was then, current")
    return JSONResponse(promotion_facts(found))


def _acts(asked: Asked) -> Response:
    lines = asked.service.acts.newest()
    facts = [{"at": iso(o.at), "who": o.who, "what": o.what, "on": o.on} for o in lines]
    return JSONResponse({"acts": facts})


def _healthz(asked: Asked) -> Response:
    del asked
    return PlainTextResponse("ok\n")


def _readyz(asked: Asked) -> Response:
    asked.service.queue.all()  # raises where the database cannot be read
    return PlainTextResponse("ready\n")


def _metrics(asked: Asked) -> Response:
    """Return counts for Prometheus."""
    jobs = Counter(job.state for job in asked.service.queue.all())
    states: Counter[str] = Counter()
    for one in Catalogue(asked.service.storage).overview().values():
        states.update({state.name.lower(): count for state, count in one.states.items()})
    lines = ["# TYPE tuner_jobs gauge"]
    lines += [f'tuner_jobs{{state="{state}"}} {jobs[state]}' for state in STATES]
    lines += ["# TYPE tuner_trials gauge"]
    lines += [f'tuner_trials{{state="{state}"}} {states[state]}' for state in sorted(states)]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def model_facts(model: Model) -> dict[str, Any]:
    """Return a model as plain values."""
    return {
        "study": model.study,
        "bundle": model.bundle,
        "case": model.case,
        "aliases": list(model.aliases),
        "metrics": model.manifest.get("metrics"),
        "damage": model.damage,
    }


def promotion_facts(one: Promotion) -> dict[str, Any]:
    """Return a line of the ledger as plain values."""
    names = ("case", "alias", "act", "study", "bundle", "weights", "proof", "reason", "who")
    return {"at": iso(one.at), **{name: getattr(one, name) for name in names}}


def _time(text: str) -> float:
    """Read a date, or a date and time, as seconds since 1970; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"got {text!r}; it takes a date like 2026-11-30") from error
    if found.tzinfo is not None:
        return found.timestamp()
    day = len(text) == len("2026-11-30")
    return calendar.timegm(found.timetuple()) + (24 * 3600 - 1 if day else 0)


def routes() -> list[RoleRoute]:
    """Return the routes of the API."""
    study, model = f"{V1}/studies/{{name}}", f"{V1}/models/{{study}}/{{bundle}}"
    return [
        route("/healthz", _healthz, None),
        route("/readyz", _readyz, None),
        route("/metrics", _metrics, "viewer"),
        route(f"{V1}/studies", _studies, "viewer"),
        route(f"{V1}/studies", _submit, "operator", "POST"),
        route(study, _study, "viewer"),
        route(f"{study}/events", _events, "viewer"),
        route(f"{study}/trials", _trials, "viewer"),
        route(f"{study}/trials.csv", _trials_csv, "viewer"),
        route(f"{study}/reports/{{file}}", report_file, "viewer"),
        route(f"{study}/total", _total, "operator", "POST"),
        route(f"{study}/tries", _try, "operator", "POST"),
        route(f"{study}/models", _retrain, "operator", "POST"),
        route(f"{study}/{{act}}", _steer, "operator", "POST"),
        route(f"{V1}/jobs", _jobs, "viewer"),
        route(f"{V1}/compare", _compare, "viewer"),
        route(f"{V1}/models", _models, "viewer"),
        route(model, _model, "viewer"),
        route(f"{model}/download", download, "viewer"),
        route(f"{model}/predict", _predict, "viewer", "POST"),
        route(f"{model}/promote", _promote, "operator", "POST"),
        route(f"{V1}/cases/{{case}}/current", _current, "viewer"),
        route(f"{V1}/cases/{{case}}/roll-back", _roll_back, "operator", "POST"),
        route(f"{V1}/ledger", _ledger, "viewer"),
        route(f"{V1}/acts", _acts, "admin"),
    ]
