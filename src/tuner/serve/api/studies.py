"""Routes for studies: submit, list, show, watch, steer and report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from tuner.client import answers
from tuner.errors import UsageError
from tuner.language import ENGLISH, spoken
from tuner.naming import folder_name
from tuner.report.retelling import retold
from tuner.report.rows import trials_csv
from tuner.serve import actions
from tuner.serve.api import bodies
from tuner.serve.api.paging import CURSOR, LIMIT, limit_of
from tuner.serve.api.reading import read
from tuner.serve.finding import catalogue_of
from tuner.serve.studies.browsing import job_facts
from tuner.serve.studies.comparing import FEWEST, MOST, compare_studies
from tuner.serve.studies.events import stream
from tuner.serve.studies.listing import Filter, row_facts
from tuner.serve.web.operation import JSON, TEXT, Operation, Parameter
from tuner.serve.web.routing import get, post

if TYPE_CHECKING:
    from tuner.serve.web.routing import Asked, RoleRoute

REPORTS = {"report.html": "text/html", "report.json": JSON, "report.md": "text/plain"}
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
BOOLEANS = ("true", "false")
ACTS = ("pause", "resume", "cancel")
GROUP = "Studies"


def _studies(asked: Asked) -> Response:
    words, state, tag = (asked.query(name, "") for name in ("q", "state", "tag"))
    archived = asked.query("archived", "false")
    if archived not in BOOLEANS:
        raise UsageError(f"archived: got {archived!r}; it takes {' or '.join(BOOLEANS)}")
    limit, cursor = limit_of(asked), asked.query("cursor")
    wanted = Filter(words=words, state=state, tag=tag, archived=archived == "true")
    rows, following = asked.service.browser.part(limit, cursor, wanted)
    return JSONResponse({"studies": [row_facts(row) for row in rows], "next": following})


def _submit(asked: Asked) -> Response:
    wish = read(bodies.StudyWish, asked.json())
    key = asked.request.headers.get("idempotency-key")
    return JSONResponse(job_facts(actions.submit(asked.service, asked.who, wish, key)), 201)


def _study(asked: Asked) -> Response:
    return JSONResponse(asked.service.browser.study(asked.path("name")))


def _events(asked: Asked) -> Response:
    service, person = asked.service, asked.person

    def may_see() -> bool:
        is_known = person is not None and service.tokens.still_open(person)
        return is_known and not service.ending.is_set()

    last = asked.request.headers.get("last-event-id")
    return stream(service.browser, asked.path("name"), last, may_see)


def _trials(asked: Asked) -> Response:
    return JSONResponse({"trials": asked.service.browser.trials(asked.path("name"))})


def _trials_csv(asked: Asked) -> Response:
    name = asked.path("name")
    study = catalogue_of(asked.service.storage, name).load(name)
    return PlainTextResponse(trials_csv(study.get_trials(deepcopy=False)), media_type="text/csv")


def report_file(asked: Asked) -> Response:
    """Return a file of a study's report; a page is in the reader's language.

    Raises:
        UsageError: the study does not exist, or has no report yet.
    """
    name, file = folder_name(asked.path("name")), asked.path("file")
    catalogue_of(asked.service.storage, name).check(name)
    path = asked.service.workplace.report(name) / file
    if file not in REPORTS or not path.is_file():
        raise UsageError(f"no {file} of study {name!r}; a report is written when a study ends")
    headers = {"Content-Security-Policy": REPORT_POLICY}
    if spoken() != ENGLISH and (text := retold(path.parent, file, spoken())) is not None:
        return Response(text, media_type=REPORTS[file], headers=headers)
    return FileResponse(path, media_type=REPORTS[file], headers=headers)


def _steer(asked: Asked) -> Response:
    read(bodies.Nothing, asked.json())
    job = actions.steer(asked.service, asked.who, asked.path("name"), asked.path("act"))
    return JSONResponse(job_facts(job))


def _total(asked: Asked) -> Response:
    trials = read(bodies.Total, asked.json())["trials"]
    job = actions.change_total(asked.service, asked.who, asked.path("name"), trials)
    return JSONResponse(job_facts(job))


def _try(asked: Asked) -> Response:
    typed = read(bodies.Try, asked.json())["try"]
    job = actions.add_try(asked.service, asked.who, asked.path("name"), typed)
    return JSONResponse(job_facts(job))


def _child(asked: Asked) -> Response:
    wish = read(bodies.ChildWish, asked.json())
    job = actions.begin_child(
        asked.service,
        asked.who,
        asked.path("name"),
        wish["name"],
        wish.get("fix", []),
        accept=wish.get("accept_changes", False),
    )
    return JSONResponse(job_facts(job), 201)


def _retrain(asked: Asked) -> Response:
    wish = read(bodies.ArmWish, asked.json())
    arm, models, only = wish.get("arm", "best"), wish.get("models", 1), wish.get("only", [])
    job = actions.retrain(asked.service, asked.who, asked.path("name"), arm, models, only)
    return JSONResponse(job_facts(job), 201)


def _ablate(asked: Asked) -> Response:
    wish = read(bodies.AblationWish, asked.json())
    job = actions.ablate(asked.service, asked.who, asked.path("name"), **wish)
    return JSONResponse(job_facts(job), 201)


def _compare(asked: Asked) -> Response:
    names = asked.request.query_params.getlist("study")
    return JSONResponse(compare_studies(asked.service.storage, asked.service.workplace, names))


WORDS = Parameter("q", TEXT, "words that the name, case, verdict or submitter has to contain")
STATE = Parameter("state", TEXT, "only studies in this state")
TAG = Parameter("tag", TEXT, "only studies with this tag")
ARCHIVED = Parameter(
    "archived", {"type": "boolean"}, "true: those that are archived, in place of the others"
)
KEY = Parameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": actions.LONGEST_KEY},
    "of your choice: a second request with the same key makes no second study",
    "header",
)
LAST = Parameter("Last-Event-ID", TEXT, "id of the last event that was seen", "header")
COMPARED = Parameter(
    "study",
    {"type": "array", "items": TEXT, "minItems": FEWEST, "maxItems": MOST, "uniqueItems": True},
    f"names of {FEWEST} to {MOST} studies; each is compared with the first",
    required=True,
)
LISTING = Operation(
    words="List studies, newest first",
    group=GROUP,
    answer=answers.Studies,
    parameters=(WORDS, STATE, TAG, ARCHIVED, LIMIT, CURSOR),
)
SUBMITTING = Operation(
    words="Submit a study",
    group=GROUP,
    body=bodies.StudyWish,
    answer=answers.Job,
    status=201,
    parameters=(KEY,),
)
WATCHING = Operation(
    words="Watch a study: server-sent events, each with the whole study at that time",
    group=GROUP,
    media={"text/event-stream": TEXT},
    parameters=(LAST,),
)
REPORTING = Operation(
    words="Read the report of a study",
    group=GROUP,
    media={"text/html": TEXT, JSON: {"type": "object"}, "text/plain": TEXT},
    path={"file": {"type": "string", "enum": list(REPORTS)}},
)
STEERING = Operation(
    words="Pause, resume or cancel a study",
    group=GROUP,
    body=bodies.Nothing,
    answer=answers.Job,
    path={"act": {"type": "string", "enum": list(ACTS)}},
)
COMPARING = Operation(
    words="Compare studies", group=GROUP, answer=answers.Comparison, parameters=(COMPARED,)
)


def _said(words: str, **more: object) -> Operation:
    return Operation(words=words, group=GROUP, **more)  # type: ignore[arg-type]


def routes(top: str) -> list[RoleRoute]:
    """Return the routes, under a path."""
    study = f"{top}/studies/{{name}}"
    showing = _said("Show a study as it is now", answer=answers.Study)
    trials = _said("List the trials of a study", answer=answers.Trials)
    table = _said("List the trials of a study as a table", media={"text/csv": TEXT})
    total = _said("Change the number of trials of a study", body=bodies.Total, answer=answers.Job)
    trying = _said("Add a configuration as the next trial", body=bodies.Try, answer=answers.Job)
    beginning = _said(
        "Begin another study with the finished trials that fit; this one is cancelled if at work",
        body=bodies.ChildWish,
        answer=answers.Job,
        status=201,
    )
    retraining = _said(
        "Train an arm again, to be a model", body=bodies.ArmWish, answer=answers.Job, status=201
    )
    measuring = _said(
        "Measure which change made the difference; the report shows the result",
        body=bodies.AblationWish,
        answer=answers.Job,
        status=201,
    )
    return [
        get(f"{top}/studies", _studies, "viewer", LISTING),
        post(f"{top}/studies", _submit, "operator", SUBMITTING),
        get(study, _study, "viewer", showing),
        get(f"{study}/events", _events, "viewer", WATCHING),
        get(f"{study}/trials", _trials, "viewer", trials),
        get(f"{study}/trials.csv", _trials_csv, "viewer", table),
        get(f"{study}/reports/{{file}}", report_file, "viewer", REPORTING),
        post(f"{study}/total", _total, "operator", total),
        post(f"{study}/tries", _try, "operator", trying),
        post(f"{study}/children", _child, "operator", beginning),
        post(f"{study}/models", _retrain, "operator", retraining),
        post(f"{study}/ablation", _ablate, "operator", measuring),
        post(f"{study}/{{act}}", _steer, "operator", STEERING),
        get(f"{top}/compare", _compare, "viewer", COMPARING),
    ]
