"""Times as the service keeps them, seconds since 1970, as people and programs write them: UTC."""

from __future__ import annotations

import time

NONE = "\N{EN DASH}"


def iso(seconds: float) -> str:
    """Return a moment as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def minute(seconds: float | None) -> str:
    """Return a moment for people; a dash where there is none."""
    return NONE if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def day(seconds: float) -> str:
    """Return the day of a moment."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
