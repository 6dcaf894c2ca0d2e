"""Every page in Chinese: none of its own sentences remains in English."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from jinja2.lexer import TOKEN_DATA

from tests.serve.making import client_of, form_key, make_service
from tuner.language import said, speaking
from tuner.serve.web.rendering import HERE, TEMPLATES, ended, found, told
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.serve.service import Service

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}
SAID = {"aria-label", "placeholder", "title", "alt"}  # attributes that people read
SILENT = {"code", "pre", "script", "style", "textarea", "option", "rapi-doc"}
VOID = {"meta", "link", "input", "br", "img"}
# Names are not translated: of this program, of formats, of other programs.
NAMES = {
    *("tuner", "API", "OpenAPI", "Markdown", "JSON", "CSV", "UTC", "SHA", "MiB", "GiB", "KiB"),
    "Parquet",
    *(
        "Webhook",
        "Standard Webhooks",
        "HTTPS",
        "GET",
        "PUT",
        "POST",
        "DELETE",
        "HMAC",
        "ZIP",
        "Optuna",
        "NAME",
        "VALUE",
    ),
    *("English", "id", "n", "https://example.org/path", "dropout=0.2,depth=3"),
}


class Seen(HTMLParser):
    """The visible text of a page, except code and text marked as English."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.language = ""
        self._open: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "html":
            self.language = told["lang"] or ""
        silent = tag in SILENT or (tag != "html" and told.get("lang") == "en")
        hidden = silent or any(one for _, one in self._open)
        if not hidden:
            self.texts += [value or "" for name, value in attrs if name in SAID]
        if tag not in VOID:
            self._open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(one for _, one in self._open):
            self.texts.append(data)


def english(texts: list[str], data: set[str]) -> list[str]:
    """Return the texts with an English word, except names and data."""
    known = NAMES | data
    return [
        text.strip()
        for text in texts
        if any(
            word not in known for word in re.findall(r"[A-Za-z][A-Za-z_]+", _without(text, known))
        )
    ]


def _without(text: str, known: set[str]) -> str:
    for one in sorted(known, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z]){re.escape(one)}(?![A-Za-z])", " ", text)
    return text


@pytest.mark.parametrize("path", sorted(HERE.glob("templates/*.html")), ids=lambda one: one.name)
def test_no_template_has_a_sentence_that_is_not_translated(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    inside = re.sub(r"{%-?\s*trans\b.*?{%-?\s*endtrans\s*[-+]?%}", "", source, flags=re.DOTALL)
    tokens = TEMPLATES.env.lexer.tokeniter(inside, path.name)
    text = "".join(str(value) if kind == TOKEN_DATA else "0" for _, kind, value in tokens)
    assert not english(Seen(text).texts, set()), "write it as {{ _(...) }}"


def test_such_a_sentence_is_seen() -> None:
    page = '<html lang="zh"><p>研究<b title="A word">x</b> of tuner <code>in code</code></p>'
    assert english(Seen(page).texts, {"x"}) == ["A word", "of tuner"]


def pages() -> Iterator[str]:
    """Yield all pages of a service with a study `tiny` and a model of it."""
    yield from ("/tuner/", "/tuner/?q=nothing", "/tuner/new", "/tuner/new?case=tiny")
    yield from ("/tuner/new?door=table", "/tuner/new?door=images", "/tuner/new?case=tiny&read=1")
    yield from ("/tuner/studies/tiny", "/tuner/studies/tiny/report", "/tuner/studies/tiny/delete")
    yield from ("/tuner/compare", "/tuner/compare?study=tiny&study=tiny%230")
    yield from ("/tuner/compare?study=tiny", "/tuner/compare?study=tiny&study=nothing")
    yield from ("/tuner/models", "/tuner/machine", "/tuner/machine/waste?days=0")
    yield from ("/tuner/acts", "/tuner/api", "/tuner/hooks", "/tuner/login")
    yield from ("/tuner/studies/nothing", "/tuner/nowhere", "/tuner/machine/waste?days=x")


# Names of a study, a case and a machine, which are not translated.
DATA = {
    *("tiny", "owner", "accuracy", "nothing", "width", "dropout", "learning_rate", "depth", "days"),
    *("balanced accuracy", "log loss", "housing", "digits", "True", "False"),
}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(one, marks=pytest.mark.slow) if "&read=1" in one else one  # a process reads it
        for one in pages()
    ],
)
def test_each_page_is_chinese(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=CHINESE)
    seen = Seen(answer.text)
    assert seen.language == "zh"
    data = DATA | set(re.findall(r"[\w.-]+/[\w./-]+|(?<=fix:)\w+", answer.text))
    assert not english(seen.texts, data)
    assert any(re.search("[\u4e00-\u9fff]", text) for text in seen.texts)


def test_a_study_in_the_queue_is_chinese(empty: Service) -> None:
    client = client_of(empty)
    client.headers.update(CHINESE)
    key = form_key(client, "/tuner/new?case=tiny")
    fields = {"form_key": key, "case": "tiny", "name": "tiny", "trials": "4", "seed": "0"}
    wrong = client.post("/tuner/new", data={**fields, "trials": "many"})
    assert "trials：收到 &#39;many&#39;；应为 1 到 100000 之间的整数。" in wrong.text
    assert client.post("/tuner/new", data=fields).status_code == 303
    for path in ("/tuner/", "/tuner/studies/tiny", "/tuner/machine"):
        page = client.get(path).text
        assert "排队中" in page or path == "/tuner/machine"
        assert not english(Seen(page).texts, DATA)


def test_a_gain_that_is_proven_is_told_in_chinese() -> None:
    stored = "Better: tuning took the test error from 19.0 % to 12.5 %."
    proof = said("Against the baseline of study {name!r}: {sentence}", name="tiny", sentence=stored)
    with speaking("zh"):
        assert not english([told(proof)], DATA)
    assert told(proof) == f"Against the baseline of study &#39;tiny&#39;: {stored}"


def test_what_was_found_in_data_is_told_in_chinese() -> None:
    split = (
        "24 of 120 pictures drawn for the test, the same share of each class, copies together; "
        "the others are validated in 5 folds"
    )
    with speaking("zh"):
        assert [found(one) for one in ("all upright", "RGB 120")] == [
            *("全部是正的", '<span lang="en">RGB 120</span>')
        ]
        assert not re.search(r"[A-Za-z]|[,;] ", found(split)), "Chinese stands between clauses"
        assert "32, 48, 64" in found(
            "64 × 64, in colour: the largest of 32, 48, 64 that half of the pictures have in their "  # noqa: RUF001
            "shorter side; another with --size"
        )


def test_english_in_a_chinese_sentence_keeps_its_own_full_stop() -> None:
    with speaking("zh"):
        assert ended("what a library says") == '<span lang="en">what a library says.</span>'
        assert ended(said("two of them are the same trial; choose different ones"))[-1] == "。"


def test_a_report_is_in_the_language_of_its_reader(client: TestClient) -> None:
    place = "studies/tiny/reports"
    page = client.get(f"/tuner/{place}/report.html", headers=CHINESE)
    seen = Seen(page.text)
    assert seen.language == "zh"
    assert any("把握有多大" in text for text in seen.texts)
    assert "Content-Security-Policy" in page.headers
    assert client.get(f"/tuner/{place}/report.md", headers=CHINESE).text.startswith("# 研究 `tiny`")
    english = {"Accept-Language": "en"}
    for file in ("report.html", "report.md", "report.json"):
        whole = client.get(f"/tuner/{place}/{file}", headers=english).content
        assert client.get(f"/api/v1/{place}/{file}", headers=CHINESE).content == whole
    facts = client.get(f"/tuner/{place}/report.json", headers=CHINESE).content
    assert facts == client.get(f"/tuner/{place}/report.json", headers=english).content


def test_a_reader_switches_the_language_and_stays_on_the_page(empty: Service) -> None:
    client = client_of(empty)
    page = client.get("/tuner/new?case=tiny")
    assert Seen(page.text).language == "en"
    assert 'name="back" value="/tuner/new?case=tiny"' in page.text
    key = form_key(client, "/tuner/new?case=tiny")
    fields = {"form_key": key, "language": "zh", "back": "/tuner/new?case=tiny"}
    assert client.post("/tuner/language", data={**fields, "form_key": "0"}).status_code == 403
    answer = client.post("/tuner/language", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/tuner/new?case=tiny")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert Seen(client.get("/tuner/", headers={"Accept-Language": "en"}).text).language == "zh"
    client.cookies.clear()
    client.cookies.set("tuner_language", "../../x")
    assert Seen(client.get("/tuner/", headers={"Accept-Language": "en"}).text).language == "en"


def test_a_switch_stays_on_the_page_of_a_study_of_any_name(empty: Service) -> None:
    client = client_of(empty)
    key = form_key(client, "/tuner/new")
    fields = {"form_key": key, "case": "tiny", "name": "试 & ?", "trials": "4", "seed": "0"}
    there = client.post("/tuner/new", data=fields).headers["location"]
    back = re.search('name="back" value="([^"]+)"', client.get(there).text)
    assert back
    fields = {"form_key": key, "language": "zh", "back": html.unescape(back[1])}
    assert client.post("/tuner/language", data=fields).headers["location"] == there


@pytest.mark.parametrize(
    "back", ["//evil.example/", "https://evil.example/", "/\\evil.example", "/tuner/\r\nX: y", ""]
)
def test_a_switch_leads_to_no_other_site(empty: Service, back: str) -> None:
    client = client_of(empty)
    fields = {"form_key": form_key(client, "/tuner/"), "language": "zh", "back": back}
    assert client.post("/tuner/language", data=fields).headers["location"] == "/tuner/"
    wrong = client.post("/tuner/language", data={**fields, "language": "xx"})
    assert wrong.status_code == 400


def test_who_is_not_known_switches_on_the_page_to_log_in(tmp_path: Path) -> None:
    service = make_service(Workplace.at(tmp_path / "home"), loopback=False)
    client = client_of(service)
    key = form_key(client, "/tuner/login")
    done = client.post("/tuner/language", data={"form_key": key, "language": "zh"})
    assert done.status_code == 303
    page = client.get("/tuner/login").text
    assert not english(Seen(page).texts, set())
    told = client.post("/tuner/login", data={"form_key": key, "token": "x"})
    assert (told.status_code, "该令牌不存在或已过期" in told.text) == (401, True)
    service.storage.engine.dispose()


@pytest.mark.parametrize("path", ["/api/v1/studies/nothing", "/api/v1/studies"])
def test_programs_are_answered_in_english(client: TestClient, path: str) -> None:
    client.cookies.set("tuner_language", "zh")
    answer = client.get(path, headers=CHINESE)
    assert not re.search("[\u4e00-\u9fff]", answer.text)
