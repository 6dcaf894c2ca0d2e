"""Translates the words in a picture into the reader's language.

A picture is drawn once, in English, with its letters as shapes, so that it looks the same
everywhere. For another language its words are written again as text, and the reader's machine draws
them with its own font: this machine needs none. matplotlib writes each text in a comment before its
shapes. Names and numbers keep their shapes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # only for files that this program has written

from tuner.language import ENGLISH, spoken
from tuner.report.known import CHARTS, known

if TYPE_CHECKING:
    from collections.abc import Iterator

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"
PLACE = re.compile(rf"translate\({NUMBER} {NUMBER}\)")
TURN = re.compile(rf"rotate\({NUMBER}\)")
SCALE = re.compile(rf"scale\({NUMBER} ")
UNIT = 100  # height of a letter in matplotlib's shapes, in pixels
FONTS = (
    "'Noto Sans CJK SC', 'Noto Sans SC', 'Source Han Sans SC', 'PingFang SC', 'Microsoft YaHei', "
    "'WenQuanYi Micro Hei', 'DejaVu Sans', sans-serif"
)
# Ticks are numbers and names, except for the two ends of an ablation, which are words.
TICK, AXIS, TEXT = re.compile(r"[xy]tick_"), re.compile(r"matplotlib\.axis_"), re.compile(r"text_")
ENDS = {"baseline", "best", "so far"}


def captioned(picture: str) -> str:
    """Return an SVG that tuner drew, with its words in the current language.

    Args:
        picture: as written by `charts.look.save`. Any other SVG is returned unchanged.
    """
    if spoken() == ENGLISH:
        return picture
    try:
        with_comments = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314
        root = ET.fromstring(picture, parser=with_comments)  # noqa: S314 - a report's own picture
    except ET.ParseError:
        return picture
    for group, names in _texts(root, ()):
        _tell(group, names)
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _texts(element: ET.Element, names: tuple[str, ...]) -> Iterator[tuple[ET.Element, list[str]]]:
    """Yield the groups with texts, with the names of the groups around each."""
    for one in element:
        if one.tag == f"{{{SVG}}}g":
            name = one.get("id", "")
            if TEXT.match(name):
                yield one, list(names)
            yield from _texts(one, (*names, name))


def _tell(group: ET.Element, names: list[str]) -> None:
    """Replace the known lines of a text."""
    lines = [
        (str(comment.text).strip(), shapes)
        for comment, shapes in zip(group, list(group)[1:], strict=False)
        if callable(comment.tag) and shapes.tag == f"{{{SVG}}}g"  # a comment's tag is a function
    ]
    of_tick = any(TICK.match(name) for name in names)
    starts = {PLACE.search(shapes.get("transform", "")) for _, shapes in lines}
    middle = bool(names and AXIS.match(names[-1])) or len({one and one[1] for one in starts}) > 1
    for words, shapes in lines:
        if of_tick and not _is_of_ablation(words):
            continue
        told = known(words, CHARTS)
        if told != words:
            _write(shapes, told, middle=middle, end=of_tick)


def _is_of_ablation(words: str) -> bool:
    return words in ENDS or "→" in words or known(words, CHARTS[1:]) != words


def _write(shapes: ET.Element, told: str, *, middle: bool, end: bool) -> None:
    """Replace shapes by text; shapes that other texts use are kept.

    Args:
        middle: whether the text is centred on the old one, instead of starting at its beginning.
        end: whether it ends where the old one ended.
    """
    transform = shapes.get("transform", "")
    place, scale, turn = PLACE.search(transform), SCALE.search(transform), TURN.search(transform)
    if place is None or scale is None:
        return
    letters = [one for one in shapes if one.tag == f"{{{SVG}}}use"]
    last = letters[-1].get("transform", "") if letters else ""
    bold = any("Bold" in one.get(f"{{{XLINK}}}href", "") for one in letters)
    moved = PLACE.search(last)
    width = float(moved[1]) + 0.6 * UNIT if moved else 0.0  # assuming an average letter
    for one in letters:
        shapes.remove(one)
    anchor, share = ("middle", 0.5) if middle else ("end", 1.0) if end else ("start", 0.0)
    size = UNIT * float(scale[1])
    shapes.set(
        "transform",
        f"translate({place[1]} {place[2]})" + (f" rotate({turn[1]})" if turn else ""),
    )
    text = ET.SubElement(
        shapes,
        f"{{{SVG}}}text",
        {
            "x": f"{share * width * float(scale[1]):.3f}",
            "text-anchor": anchor,
            "font-size": f"{size:.3f}",
            "font-weight": "bold" if bold else "normal",
            "font-family": FONTS,
        },
    )
    text.text = told
