"""The changes of a study as server-sent events (HTML Living Standard, section 9.2).

Each event is the whole present state, and its id is a hash of it: a client that returns with the id
of its last event gets the next one as soon as anything has changed, and misses nothing.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from tuner.errors import TunerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tuner.serve.studies.browsing import Browser

SECONDS_BETWEEN_LOOKS = 1.0
LOOKS_UNTIL_A_SIGN = 15  # of life if nothing changes, because proxies close silent connections


def stream(
    browser: Browser, name: str, last: str | None, may_see: Callable[[], bool]
) -> StreamingResponse:
    """Return the events of a study.

    Args:
        last: id of the last event that the client has got.
        may_see: whether the reader still has access: a stream stays open for hours, and a token can
            be revoked meanwhile.

    Raises:
        UsageError: there is no such study.
    """
    browser.study(name)
    return StreamingResponse(
        _events(browser, name, last, may_see),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _events(
    browser: Browser, name: str, last: str | None, may_see: Callable[[], bool]
) -> AsyncIterator[str]:
    quiet = 0
    while (found := await run_in_threadpool(_seen, browser, name, may_see)) is not None:
        text = json.dumps(found, ensure_ascii=False)
        mark = hashlib.sha256(text.encode()).hexdigest()[:16]
        quiet += 1
        if mark != last:
            last, quiet = mark, 0
            yield f"id: {mark}\nevent: study\ndata: {text}\n\n"
        elif quiet >= LOOKS_UNTIL_A_SIGN:
            quiet = 0
            yield ": nothing new\n\n"
        await anyio.sleep(SECONDS_BETWEEN_LOOKS)


def _seen(browser: Browser, name: str, may_see: Callable[[], bool]) -> dict[str, Any] | None:
    """Return the present state of a study; None if the stream has to end.

    The response has begun, so an error can no longer be sent. The client reconnects, and then gets
    the error, for example that the study was deleted.
    """
    try:
        return browser.study(name) if may_see() else None
    except TunerError:
        return None
