"""Addresses of the service's own pages, to which a page or an answer leads back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from starlette.requests import Request

HOME = "/tuner/"


def own_page(address: str) -> str:
    """Return an address if it leads to one of our pages; of any other, the first page."""
    plain = address.isascii() and address.isprintable() and "\\" not in address
    return address if plain and address.startswith(HOME) else HOME


def here(request: Request) -> str:
    """Return the address that is asked for, without a host."""
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.scope["path"]) + query


def form_page(request: Request) -> str:
    """Return the page whose form was sent; the first page, where the browser does not tell."""
    try:
        told = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return HOME
    if told.netloc != request.headers.get("host"):
        return HOME
    return own_page(f"{told.path}?{told.query}" if told.query else told.path)
