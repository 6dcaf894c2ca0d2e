"""Addresses of the service's own pages, for redirects back to them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from starlette.requests import Request

HOME = "/tuner/"


def own_page(address: str) -> str:
    """Return an address if it is one of our pages, otherwise that of the first page."""
    plain = address.isascii() and address.isprintable() and "\\" not in address
    return address if plain and address.startswith(HOME) else HOME


def here(request: Request) -> str:
    """Return the requested address, without a host."""
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.scope["path"]) + query


def form_page(request: Request) -> str:
    """Return the page from which a form was sent; the first page if the browser does not tell."""
    try:
        told = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return HOME
    if told.netloc != request.headers.get("host"):
        return HOME
    return own_page(f"{told.path}?{told.query}" if told.query else told.path)
