"""Catalogues are complete: each has every sentence of the code, with all of its parts."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from tuner.errors import UsageError, unknown_name
from tuner.language import (
    ENGLISH,
    Message,
    catalogue,
    is_translated,
    languages,
    ngettext,
    reason_of,
    said,
    speaking,
    spoken,
    translated,
    words_of_scripts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Catalog

ROOT = Path(__file__).parents[1]
OTHERS = [code for code in languages() if code != ENGLISH]
# Functions that contain sentences, besides those that babel knows; `nphrase` and others have two
# forms.
KEYWORDS = (
    "-k",
    "said",
    "-k",
    "phrase",
    "-k",
    "nphrase:1,2",
    "-k",
    "nsaid:1,2",
    "-k",
    "plural:1,2",
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The sentences in the present code, extracted as docs/languages.md describes."""
    path = tmp_path_factory.mktemp("language") / "tuner.pot"
    words = ["pybabel", "-q", "extract", "-F", str(ROOT / "pyproject.toml"), *KEYWORDS]
    CommandLineInterface().run([*words, "-o", str(path), str(ROOT / "src")])
    with path.open("rb") as file:
        return read_po(file)


def parts(sentence: str) -> list[str]:
    """Return what a translation must keep: placeholders with formats, links, markup, percent signs.

    A sentence of the templates has `%(name)s`, one of the code has `{name}`.
    """
    if re.search(r"%\(|%%", sentence):
        found = re.findall(r"%\(\w+\)[a-z]|%%|%(?![(%])", sentence)
    else:
        found = [
            f"{name}!{conversion}:{kind}"
            for _, name, kind, conversion in string.Formatter().parse(sentence)
            if name is not None
        ]
    return sorted([*found, *re.findall(r"<[^>]+>", sentence)])


def faults(catalogue: Catalog, template: Catalog) -> Iterator[str]:
    """Yield the faults of a catalogue."""
    ids = {one.id for one in template if one.id}
    yield from (f"missing: {one!r}" for one in ids if catalogue.get(one) is None)
    for one in catalogue:
        if not one.id:
            continue
        if one.id not in ids:
            yield f"outdated: {one.id!r}"
        if one.fuzzy:
            yield f"fuzzy: {one.id!r}"
        meant = [one.id] if isinstance(one.id, str) else list(one.id)[-1:]
        forms = [one.string] if isinstance(one.string, str) else list(one.string or [""])
        if not all(forms) or (len(forms) != catalogue.num_plurals and not isinstance(one.id, str)):
            yield f"not translated: {one.id!r}"
        elif any(parts(form) != parts(meant[0]) for form in forms):
            yield f"other parts: {one.id!r}"
    yield from (f"left over: {one!r}" for one in catalogue.obsolete)


def written() -> Iterator[str]:
    """Yield every sentence that is marked in the code."""
    forms = {"said": 1, "phrase": 1, "nphrase": 2, "nsaid": 2, "plural": 2}
    for path in (ROOT / "src" / "tuner").rglob("*.py"):
        if "loops" in path.relative_to(ROOT).parts:  # the output of a loop is data there
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for one in node.args[: forms.get(node.func.id, 0)]:
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield one.value


@pytest.mark.parametrize("code", OTHERS)
def test_per_cent_is_written_as_in_the_numbers_that_the_code_writes(code: str) -> None:
    wrong = [one.string for one in catalogue(code) if re.search(r"[0-9}]%", str(one.string))]
    assert not wrong, "write 95 %, as the code does in all languages"


def test_extraction_finds_every_sentence(template: Catalog) -> None:
    found = set()
    for one in template:
        found |= {one.id} if isinstance(one.id, str) else set(one.id)
    assert not set(written()) - found, "babel does not look into f-strings"


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_is_whole(code: str, template: Catalog) -> None:
    assert not list(faults(catalogue(code), template)), "see docs/languages.md"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('msgid "a {b}"\nmsgstr "{b} x"', None),
        ('msgid "a {b}"\nmsgstr ""', "not translated: 'a {b}'"),
        ('msgid "a {b}"\nmsgstr "x"', "other parts: 'a {b}'"),
        ('msgid "a {b}"\nmsgstr "x {c}"', "other parts: 'a {b}'"),
        ('#, fuzzy\nmsgid "a {b}"\nmsgstr "x {b}"', "fuzzy: 'a {b}'"),
        ('msgid "other"\nmsgstr "x"', "outdated: 'other'"),
        ('#~ msgid "gone"\n#~ msgstr "x"', "left over: 'gone'"),
    ],
)
def test_each_fault_of_a_catalogue_is_seen(entry: str, fault: str | None, tmp_path: Path) -> None:
    def made(text: str, name: str) -> Catalog:
        path = tmp_path / name
        path.write_text(f'msgid ""\nmsgstr ""\n\n{text}\n', encoding="utf-8")
        with path.open("rb") as file:
            return read_po(file, locale="zh")

    found = list(faults(made(entry, "zh.po"), made('msgid "a {b}"\nmsgstr ""', "all.pot")))
    assert (fault in found) if fault else found == []


def test_a_message_is_english_and_knows_its_parts() -> None:
    message = said("{one} or {other}", one=said("paused"), other=said("failed"))
    error = UsageError(message)
    assert str(error) == "paused or failed"
    assert isinstance(reason_of(error), Message)
    assert translated(message) == "paused or failed"
    with speaking("zh"):
        assert translated(message) == "已暂停或失败"
        assert is_translated(message)
        assert not is_translated("another text")
        assert translated("another text") == "another text"
        assert ngettext("%(count)s study", "%(count)s studies", 2) == "%(count)s 个研究"
    assert spoken() == ENGLISH


def test_braces_of_what_was_typed_stay() -> None:
    error = unknown_name("study", "studies", "{x}", ["a", "{y}"])
    with speaking("zh"):
        assert translated(reason_of(error)) == (
            "没有名为“{x}”的研究；是不是“{y}”？可用的研究有：a, {y}"
        )


def test_scripts_get_their_words_and_no_others() -> None:
    assert words_of_scripts("en") == {}
    assert words_of_scripts("zh")["best: trial {number}"] == "最佳：试验 {number}"
    assert "Studies" not in words_of_scripts("zh")
