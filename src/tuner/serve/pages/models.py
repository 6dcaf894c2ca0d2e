"""The pages of models: those to download, and who promoted which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from tuner.errors import DepotError
from tuner.serve import actions
from tuner.serve.api import download
from tuner.serve.web.rendering import page
from tuner.serve.web.routing import route

if TYPE_CHECKING:
    from starlette.responses import Response

    from tuner.serve.models.ledger import Model
    from tuner.serve.web.routing import Asked, RoleRoute

MODELS = "/tuner/models"


def models_there(asked: Asked, study: str | None = None) -> tuple[list[Model], str]:
    """Return the models, and an error if their place cannot be reached: the rest is still shown."""
    try:
        return asked.service.ledger.models(study), ""
    except DepotError as error:
        return [], str(error)


def _models(asked: Asked) -> Response:
    ledger = asked.service.ledger
    making = asked.service.queue.retrainings()
    models, unreached = models_there(asked)
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
    return RedirectResponse(MODELS, 303)


def _roll_back(asked: Asked) -> Response:
    reason = asked.form().get("reason", [""])[0]
    actions.roll_back(asked.service, asked.who, asked.path("case"), reason)
    return RedirectResponse(MODELS, 303)


def routes() -> list[RoleRoute]:
    """Return the routes of these pages."""
    model = f"{MODELS}/{{study}}/{{bundle}}"
    return [
        route(MODELS, _models, "viewer"),
        route(model, _model, "viewer"),
        route(f"{model}/download", download, "viewer"),
        route(f"{model}/promote", _promote, "operator", "POST"),
        route("/tuner/cases/{case:path}/roll-back", _roll_back, "operator", "POST"),
    ]
