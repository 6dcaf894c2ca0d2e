"""The web application: routes, the gate in front of them, and the background threads."""

from __future__ import annotations

import logging
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tuner.errors import TunerError
from tuner.serve import api, pages
from tuner.serve.web.access import Gate
from tuner.serve.web.problems import on_error, on_http_error, on_leaving, on_vanished
from tuner.serve.web.rendering import STATIC

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tuner.serve.service import Service

log = logging.getLogger("tuner.serve")


def application(service: Service) -> Starlette:
    """Return the web application of a service; it also starts and stops the service's jobs."""

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        over = threading.Event()
        threading.Thread(target=_read_all, args=(service, over), daemon=True).start()
        service.supervisor.start()
        service.messenger.start()
        try:
            yield
        finally:
            over.set()
            service.messenger.close()
            await run_in_threadpool(service.supervisor.close)

    made = Starlette(
        routes=[
            *api.routes(),
            *pages.routes(),
            Mount("/tuner/static", StaticFiles(directory=STATIC), name="static"),
        ],
        middleware=[Middleware(Gate, service=service)],
        exception_handlers={
            TunerError: on_error,
            HTTPException: on_http_error,
            ClientDisconnect: on_leaving,
            KeyError: on_vanished,
        },
        lifespan=running,
    )
    made.state.service = service
    return made


def _read_all(service: Service, over: threading.Event) -> None:
    """Read all studies before the first request, and later those that requests left unread."""
    try:
        service.browser.studies()
        service.counts.look()
    except Exception:  # a page that reads shows the error, and this thread continues
        log.exception("the database could not be read at the start")
    service.browser.summaries.keep(over)
