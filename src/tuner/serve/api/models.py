"""Routes for models: list, download, predict, promote and roll back."""

from __future__ import annotations

import calendar
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, Response

from tuner.client import answers
from tuner.errors import UsageError
from tuner.serve import actions
from tuner.serve.api import bodies
from tuner.serve.api.reading import read
from tuner.serve.models.takeaway import packed
from tuner.serve.times import iso
from tuner.serve.web.operation import BINARY, TEXT, Operation, Parameter
from tuner.serve.web.routing import get, post

if TYPE_CHECKING:
    from tuner.serve.models.ledger import Model
    from tuner.serve.tables import Promotion
    from tuner.serve.web.routing import Asked, RoleRoute

ZIP = "application/zip"
GROUP = "Models"


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
    path = packed(model, asked.service.workplace.depot)
    return FileResponse(
        path,
        media_type=ZIP,
        filename=f"{model.study}-{model.bundle}.zip",
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


def _predict(asked: Asked) -> Response:
    model = asked.service.ledger.model(asked.path("study"), asked.path("bundle"))
    if asked.request.headers.get("content-type", "").startswith(("multipart/", "application/x-")):
        raise UsageError("send the bytes of the image, or the CSV, as the body itself")
    return JSONResponse({"predictions": asked.service.predictor.predict(model, asked.body)})


def _promote(asked: Asked) -> Response:
    wish = read(bodies.PromotionWish, asked.json())
    done = actions.promote(
        asked.service,
        asked.who,
        asked.path("study"),
        asked.path("bundle"),
        wish.get("alias", "current"),
        wish.get("reason"),
    )
    return JSONResponse(promotion_facts(done), 201)


def _roll_back(asked: Asked) -> Response:
    reason = read(bodies.RollBackWish, asked.json())["reason"]
    done = actions.roll_back(asked.service, asked.who, asked.path("case"), reason)
    return JSONResponse(promotion_facts(done), 201)


def _ledger(asked: Asked) -> Response:
    lines = asked.service.ledger.history(asked.query("case"))
    return JSONResponse({"ledger": [promotion_facts(one) for one in lines]})


def _current(asked: Asked) -> Response:
    at = asked.query("at")
    found = asked.service.ledger.current(asked.path("case"), at=None if at is None else _time(at))
    if found is None:
        raise UsageError(f"no model of case {asked.path('case')!r} is, or was then, current")
    return JSONResponse(promotion_facts(found))


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
    """Return an entry of the ledger as plain values."""
    names = ("case", "alias", "act", "study", "bundle", "weights", "proof", "reason", "who")
    return {"at": iso(one.at), **{name: getattr(one, name) for name in names}}


def _time(text: str) -> float:
    """Return a date, or a date and time, as seconds since 1970; UTC if it has no time zone."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"got {text!r}; it takes a date like 2026-11-30") from error
    day = len(text) == len("2026-11-30")
    return calendar.timegm(found.timetuple()) + (24 * 3600 - 1 if day else 0)


LISTING = Operation(words="List models", group=GROUP, answer=answers.Models)
SHOWING = Operation(
    words="Show a model, and whether its gain is proven", group=GROUP, answer=answers.ModelDetails
)
TAKING = Operation(words="Download a model as a ZIP file", group=GROUP, media={ZIP: BINARY})
PREDICTING = Operation(
    words="Try a model on an image, or on the rows of a CSV: the body is the file itself",
    group=GROUP,
    raw=True,
    answer=answers.Predictions,
)
PROMOTING = Operation(
    words="Point an alias of the case to this model",
    group=GROUP,
    body=bodies.PromotionWish,
    answer=answers.Promotion,
    status=201,
)
ROLLING_BACK = Operation(
    words="Make the previous model current again",
    group=GROUP,
    body=bodies.RollBackWish,
    answer=answers.Promotion,
    status=201,
)
WHEN = Parameter("at", TEXT, "a date, or a date and a time, ISO 8601; default: now")
CASE = Parameter("case", TEXT, "only of this case")
CURRENT = Operation(
    words="Show which model of a case is current, or was",
    group=GROUP,
    answer=answers.Promotion,
    parameters=(WHEN,),
)
LEDGER = Operation(
    words="Read the ledger of promotions", group=GROUP, answer=answers.Ledger, parameters=(CASE,)
)


def routes(top: str) -> list[RoleRoute]:
    """Return the routes, under a path."""
    model = f"{top}/models/{{study}}/{{bundle}}"
    of_case = f"{top}/cases/{{case:path}}"  # a column may have a slash: `table rents.csv price/m2`
    return [
        get(f"{top}/models", _models, "viewer", LISTING),
        get(model, _model, "viewer", SHOWING),
        get(f"{model}/download", download, "viewer", TAKING),
        post(f"{model}/predict", _predict, "viewer", PREDICTING),
        post(f"{model}/promote", _promote, "operator", PROMOTING),
        get(f"{of_case}/current", _current, "viewer", CURRENT),
        post(f"{of_case}/roll-back", _roll_back, "operator", ROLLING_BACK),
        get(f"{top}/ledger", _ledger, "viewer", LEDGER),
    ]
