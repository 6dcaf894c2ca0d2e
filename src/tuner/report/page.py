"""Writes report.html: the same report in one file, without a network, for screen and paper."""

from __future__ import annotations

import base64
import re
from html import escape
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from tuner.language import ENGLISH, said, spoken, translated
from tuner.report.captions import captioned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from markdown_it.token import Token

SWIPE = said("swipe sideways to see all of it")
STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --quiet: #5d646d; --line: #d9dde2;
  --soft: #f4f6f8; --accent: #0067a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --paper: #15181c; --quiet: #9aa3ad;
  --line: #343a42; --soft: #1e2329; --accent: #6cb8ee; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.1rem; font-weight: 600; color: var(--quiet); margin: 0 0 .5rem; }
h1 + p { font-size: 1.25rem; line-height: 1.45; margin: 0 0 1.5rem; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .75rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
.table { overflow-x: auto; margin: 1rem 0;  /* a shadow where there is more to scroll to */
  background: linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% local,
    linear-gradient(to left, var(--line), transparent) right / .9rem 100% scroll; }
.table, .table table { background-repeat: no-repeat; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { font-weight: 600; color: var(--quiet); }
td:not(:first-child) { white-space: nowrap; }
code { font: .88em ui-monospace, monospace; background: var(--soft); padding: .1em .3em;
  border-radius: .25em; overflow-wrap: anywhere; }
td code { overflow-wrap: normal; }
pre { background: var(--soft); padding: .8rem 1rem; border-radius: .4rem; overflow-x: auto; }
pre code { padding: 0; background: none; overflow-wrap: normal; }
img { max-width: 100%; height: auto; border-radius: .4rem; display: block; }
blockquote { margin: 0 0 1.5rem; padding: .6rem 1rem; border-left: .35rem solid #d55e00;
  background: var(--soft); }
ul { padding-left: 1.2rem; }
a { color: var(--accent); }
@media screen and (max-width: 40rem) { p:has(> img) { overflow-x: auto; }
  p > img { max-width: none; width: 42rem; }
  p:has(> img)::after { content: "swipe sideways to see all of it"; position: sticky; left: 0;
    font-size: .8rem; color: var(--quiet); } table { font-size: .8rem; }
  th, td, td:not(:first-child) { white-space: normal; padding-right: .5rem; }
  pre { white-space: pre-wrap; } pre code { overflow-wrap: anywhere; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } h2 { break-after: avoid; }
  img, table, pre { break-inside: avoid; } pre { white-space: pre-wrap; }
  .table { overflow: visible; } td:not(:first-child) { white-space: normal; } }
"""


def html(markdown: str, title: str, folder: Path) -> str:
    """Return the report as a page that needs no other file.

    Args:
        markdown: the text of report.md.
        title: of the page.
        folder: with the pictures of the text.
    """
    body = fragment(markdown, folder)
    body = body.replace("<table>", '<div class="table"><table>').replace(
        "</table>", "</table></div>"
    )
    style = STYLE.replace(SWIPE, translated(SWIPE))
    return (
        f'<!DOCTYPE html>\n<html lang="{spoken()}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def fragment(markdown: str, folder: Path | None = None) -> str:
    """Return Markdown as a piece of HTML, with its pictures embedded.

    Args:
        folder: with the pictures of the text; None if it has none.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    if folder is not None:
        for image in _images(tokens):
            image.attrSet("src", _embedded(folder / str(image.attrGet("src"))))
    return _kept_together(str(parser.renderer.render(tokens, parser.options, {})))


def _kept_together(body: str) -> str:
    """Prevent line breaks between a number and its unit, and around a plus-minus sign."""
    return re.sub(r"(?<=\d) (?=%)|(?<=\d) (?=±)|(?<=±) (?=\d)", "&nbsp;", body)


def _images(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "image":
            yield token
        yield from _images(token.children or [])


def _embedded(picture: Path) -> str:
    """Return a picture as a data URL."""
    kind = {".svg": "svg+xml", ".png": "png"}[picture.suffix]
    content = picture.read_bytes()
    if picture.suffix == ".svg" and spoken() != ENGLISH:
        content = captioned(content.decode("utf-8")).encode("utf-8")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
