"""Formats times, stored as seconds since 1970, for people and programs, in UTC."""

from __future__ import annotations

import time

NONE = "\N{EN DASH}"


def iso(seconds: float) -> str:
    """Return a time as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def minute(seconds: float | None) -> str:
    """Return a time for people; a dash if there is none."""
    return NONE if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def day(seconds: float) -> str:
    """Return the day of a time."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
