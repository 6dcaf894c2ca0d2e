"""Routes for webhooks: add, list, test and remove them, and list their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from tuner.client import answers
from tuner.errors import UsageError
from tuner.serve.api import bodies
from tuner.serve.api.reading import read
from tuner.serve.messages.sending import place_of
from tuner.serve.times import iso
from tuner.serve.web.operation import Operation
from tuner.serve.web.routing import get, post

if TYPE_CHECKING:
    from tuner.serve.tables import Delivery, Hook
    from tuner.serve.web.routing import Asked, RoleRoute

GROUP = "Webhooks"
LARGEST = 2**31 - 1  # largest integer that a database accepts as the number of a row
NUMBER = {"number": {"type": "integer", "minimum": 1, "maximum": LARGEST}}


def add(asked: Asked, url: str) -> Hook:
    """Add a hook, and record who did so.

    Raises:
        UsageError: nothing may be sent to the address.
    """
    hook = asked.service.hooks.add(url, asked.who)
    asked.service.acts.note(asked.who, f"add hook {hook.id}", place_of(hook))
    return hook


def remove(asked: Asked) -> Hook:
    """Remove the hook of the path, and record who did so.

    Raises:
        UsageError: it does not exist.
    """
    hook = asked.service.hooks.get(number_of(asked))
    asked.service.hooks.remove(hook.id)
    asked.service.acts.note(asked.who, f"remove hook {hook.id}", place_of(hook))
    return hook


def try_out(asked: Asked) -> Delivery:
    """Send a test message to the hook of the path, and record who did so.

    Raises:
        UsageError: it does not exist.
    """
    hook = asked.service.hooks.get(number_of(asked))
    sent = asked.service.hooks.try_out(hook.id, asked.who)
    asked.service.acts.note(asked.who, f"test hook {hook.id}", place_of(hook))
    return sent


def number_of(asked: Asked) -> int:
    """Return the number of the hook of the path.

    Raises:
        UsageError: it is not a number.
    """
    text = asked.path("number")
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= LARGEST):
        raise UsageError(f"no hook {text!r}; a hook has a number")
    return int(text)


def _hooks(asked: Asked) -> Response:
    return JSONResponse({"hooks": [hook_facts(one) for one in asked.service.hooks.all()]})


def _add(asked: Asked) -> Response:
    hook = add(asked, read(bodies.HookWish, asked.json())["url"])
    return JSONResponse({**hook_facts(hook), "secret": hook.secret}, 201)


def _remove(asked: Asked) -> Response:
    read(bodies.Nothing, asked.json())
    return JSONResponse(hook_facts(remove(asked)))


def _try_out(asked: Asked) -> Response:
    read(bodies.Nothing, asked.json())
    return JSONResponse(delivery_facts(try_out(asked)), 201)


def _log(asked: Asked) -> Response:
    sent = asked.service.hooks.log(number_of(asked))
    return JSONResponse({"deliveries": [delivery_facts(one) for one in sent]})


def hook_facts(hook: Hook) -> dict[str, Any]:
    """Return a hook as plain values, without its secret and without the path of its address."""
    return {"id": hook.id, "host": place_of(hook), "who": hook.who, "made": iso(hook.made)}


def delivery_facts(one: Delivery) -> dict[str, Any]:
    """Return a message as plain values."""
    names = ("id", "event", "state", "attempts", "answer")
    times = {"made": iso(one.made), "ended": None if one.ended is None else iso(one.ended)}
    return {**{name: getattr(one, name) for name in names}, **times}


LISTING = Operation(words="List webhooks", group=GROUP, answer=answers.Hooks)
ADDING = Operation(
    words="Add a webhook: it gets a message when a study ends, signed by the rules of Standard "
    "Webhooks",
    group=GROUP,
    body=bodies.HookWish,
    answer=answers.NewHook,
    status=201,
)
REMOVING = Operation(
    words="Remove a webhook", group=GROUP, body=bodies.Nothing, answer=answers.Hook, path=NUMBER
)
TRYING = Operation(
    words="Send a test to a webhook, now and once",
    group=GROUP,
    body=bodies.Nothing,
    answer=answers.Delivery,
    status=201,
    path=NUMBER,
)
LOG = Operation(
    words="Read what was sent to a webhook", group=GROUP, answer=answers.Deliveries, path=NUMBER
)


def routes(top: str) -> list[RoleRoute]:
    """Return the routes, under a path."""
    hook = f"{top}/hooks/{{number}}"
    return [
        get(f"{top}/hooks", _hooks, "admin", LISTING),
        post(f"{top}/hooks", _add, "admin", ADDING),
        get(f"{hook}/deliveries", _log, "admin", LOG),
        post(f"{hook}/test", _try_out, "admin", TRYING),
        post(f"{hook}/remove", _remove, "admin", REMOVING),
    ]
