"""Storage URLs: which ones can be used, and how to show one without its secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tuner.errors import StoreError, first_line
from tuner.workplace import database_file

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

HIDDEN = "***"
BACKENDS = ("sqlite", "postgresql")
# Options of a URL that may be shown. Any other may be a password, a token or the place of one,
# under whatever name a driver gives it.
# (https://www.postgresql.org/docs/current/libpq-connect.html)
SHOWN = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "port",
        "sslmode",
        "target_session_attrs",
        "user",
    }
)
A_URL = re.compile(r"\b[A-Za-z][\w+.-]*://[^\s'\"`<>]+")
OF_A_PAGE = ("http", "https", "ftp", "file")
PASSWORD = re.compile(r"(://[^:/@]*:)[^@/]+@")
SHORT = (
    6  # letters; a shorter secret is also a part of other words, and is looked for as a whole one
)


def parse_url(url: str) -> URL:
    """Read a storage URL.

    Raises:
        StoreError: it cannot be read, or names a database that cannot hold studies.
    """
    database_file(url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is not a number
        raise StoreError(
            f"{shown(url)!r} is not a storage URL; write it like sqlite:///storage/studies.db or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        ) from error
    if parsed.get_backend_name() not in BACKENDS:
        raise StoreError(
            f"{shown(url)!r} names a database of the kind {parsed.get_backend_name()!r}; studies "
            "are kept in SQLite (sqlite:///FILE) or PostgreSQL (postgresql+psycopg://...)"
        )
    return parsed


def shown(url: str) -> str:
    """Return a storage URL without passwords and tokens, to be shown and stored."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        scheme, found, rest = url.partition("://")
        return f"{scheme}://{HIDDEN}" if found and set("@?=:") & set(rest) else url
    secret = {name for name in parsed.query if name.lower() not in SHOWN}
    if parsed.get_backend_name() == "sqlite":
        secret = set()
    name, colon, _ = (parsed.username or "").partition(":")  # a colon written as %3A
    if parsed.password is None and not secret and not colon:
        return url
    masked = parsed.update_query_dict(dict.fromkeys(secret, HIDDEN))
    if colon:
        masked = masked.set(username=f"{name}:{HIDDEN}")
    return masked.render_as_string(hide_password=True).replace(quote(HIDDEN, safe=""), HIDDEN)


def without_secrets(text: str, url: str | None = None) -> str:
    """Return a text in which all storage URLs are shown without secrets.

    Args:
        url: of the storage; its secrets are hidden wherever they stand in the text, for example in
            a driver's message.
    """
    for secret in sorted(_secrets(url) if url else (), key=len, reverse=True):
        pattern = re.escape(secret)
        if len(secret) < SHORT:
            pattern = rf"(?<![^\W_]){pattern}(?![^\W_])"
        text = re.sub(pattern, HIDDEN, text)
    return A_URL.sub(lambda found: _shown_in_a_text(found.group()), text)


def why_not(error: BaseException, url: str) -> str:
    """Return the reason why a storage cannot be opened, as one line without secrets."""
    reason = without_secrets(first_line(error), url)
    if isinstance(error, ModuleNotFoundError):
        return (
            f"{reason}. PostgreSQL needs a driver: pip install -e '.[postgres]', and a URL that "
            "begins with postgresql+psycopg://"
        )
    return reason


def _shown_in_a_text(url: str) -> str:
    """Return a URL without secrets; the URL of a web page keeps its options."""
    if url.partition(":")[0] in OF_A_PAGE:
        return PASSWORD.sub(rf"\1{HIDDEN}@", url)
    return shown(url)


def _secrets(url: str) -> set[str]:
    """Return the secrets of a URL, in every way in which they can be written."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return set()
    found = {str(parsed.password)} if parsed.password else set()
    if parsed.get_backend_name() != "sqlite":
        for name, values in parsed.normalized_query.items():
            if name.lower() not in SHOWN:
                found.update(values)
    ways = (str, quote_plus, lambda secret: quote(secret, safe=""), lambda one: repr(one)[1:-1])
    return {way(secret) for secret in found if secret for way in ways}
