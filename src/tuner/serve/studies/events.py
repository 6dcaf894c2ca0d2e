"""A study as it changes, as server-sent events (HTML Living Standard, section 9.2).

Each event is the whole state as it is then, and its id is a hash of that: who comes again with the
id of the last event sees the next one as soon as anything has changed, and misses nothing.
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
LOOKS_UNTIL_A_SIGN = 15  # of life, where nothing changes: proxies close a silent connection


def stream(
    browser: Browser, name: str, last: str | None, may_see: Callable[[], bool]
) -> StreamingResponse:
    """Return the events of a study.

    Args:
        last: id of the last event that was seen.
        may_see: whether the reader is still let in: a stream stays open for hours, and a token can
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
    """Return a study as it is now; None where the stream ends, as its answer has begun.

    Who watches comes again, and is then told that the study was deleted, or what else there is.
    """
    try:
        return browser.study(name) if may_see() else None
    except TunerError:
        return None
