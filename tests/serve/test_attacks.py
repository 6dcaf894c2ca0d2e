"""Attacks, each of which is refused; the goal of the attack is checked and not reached."""

from __future__ import annotations

import logging
import re
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2 as httpx
import pytest

from tests.making import TINY
from tests.sampling import one_in
from tests.serve.making import client_of, form_key, listening, make_service
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.errors import StoreError, UsageError
from tuner.serve import bulkhead
from tuner.serve.bulkhead import MOST_WAITING
from tuner.serve.jobs.job_command import command_of
from tuner.serve.orders.requests import study_request
from tuner.serve.shelf.cases import Shelf
from tuner.serve.shelf.outlining import Outline, Outliner
from tuner.serve.web import access, connections
from tuner.serve.web.access import COOKIE
from tuner.serve.web.connections import OUT_OF_FILES, OnceAMinute
from tuner.serve.web.uploads import BYTES
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response
    from starlette.testclient import TestClient

    from tuner.serve.service import Service

V1 = "/api/v1"
SENT = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shared(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a study that no attack here changes."""
    home = tmp_path_factory.mktemp("attacked") / "home"
    shutil.copytree(workplace / "storage", home)
    made = make_service(Workplace.at(home))
    yield made
    made.storage.engine.dispose()


@pytest.fixture(scope="module")
def attacked(shared: Service) -> TestClient:
    return client_of(shared)


# Reading the machine's files by a path

SECRETS = (b"root:", b"SQLite format", b"DeclarativeBase", b"revision")
PATHS = [
    "/tuner/static/../../tables.py",
    "/tuner/static/..%2f..%2ftables.py",
    "/tuner/static/%2e%2e/%2e%2e/tables.py",
    "/tuner/static/..\\..\\tables.py",
    "/tuner/static//etc/passwd",
    "/tuner/static/%2fetc%2fpasswd",
    "/tuner/static/..;/tables.py",
    f"{V1}/studies/..%2f..%2f..%2fetc%2fpasswd",
    f"{V1}/studies/tiny/reports/..%2f..%2f..%2fstudies.db",
    f"{V1}/studies/tiny/reports/report.md%00.html",
    f"{V1}/studies/..%2ftiny/reports/report.md",
    f"{V1}/studies/%2e%2e/reports/studies.db",
    f"{V1}/studies/tiny%2f../reports/report.md",
    f"{V1}/models/..%2f..%2f/studies.db/download",
    f"{V1}/models/tiny/..%2f..%2fstudies.db/download",
    f"{V1}/models/tiny/%2fetc%2fpasswd",
    "/tuner/studies/tiny/reports/..%2f..%2f..%2fstudies.db",
    "/tuner/models/tiny/..%2f..%2fstudies.db/download",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_another_file(attacked: TestClient, path: str) -> None:
    answer = attacked.get(path)
    assert answer.status_code in {400, 404}
    assert not any(secret in answer.content for secret in SECRETS)


NAMES = [
    "../x",
    "a/b",
    "..",
    ".",
    ".hidden",
    "a\\b",
    "/etc",
    " x",
    "x\n",
    "x\0",
    "x" * 300,
    "\u202ex",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_the_folder(attacked: TestClient, name: str) -> None:
    answer = attacked.post(f"{V1}/studies", json={"case": "tiny", "name": name})
    assert answer.status_code == 400


def test_a_bundle_that_is_a_link_elsewhere_is_not_offered(shared: Service, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{}")
    folder = shared.workplace.bundles("tiny")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link").symlink_to(tmp_path, target_is_directory=True)
    assert shared.ledger.models() == []
    (folder / "link").unlink()


# Injecting code and options by a value

CASES = [
    TINY,
    "../tiny",
    "tiny.py",
    "tiny.py:main",
    "/etc/passwd",
    "--help",
    "table --data /etc/passwd",
]


@pytest.mark.parametrize("case", CASES)
def test_no_code_comes_by_the_name_of_a_case(attacked: TestClient, case: str) -> None:
    answer = attacked.post(f"{V1}/studies", json={"case": case})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(("no case", "no data"))


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "--home=elsewhere"},
        {"name": "-x"},
        {"name": "$(touch x); `touch y`"},
    ],
)
def test_no_value_becomes_an_option_or_a_command(asked: dict[str, str], tmp_path: Path) -> None:
    request = study_request({"case": "housing", **asked}, Shelf())
    job: Any = type("Job", (), {**{name: getattr(request, name) for name in request.__slots__}})
    words = command_of(job, Workplace.at(tmp_path), Shelf(), 1)
    assert words[:2] == ["study", "housing"]
    for value in asked.values():
        (word,) = [one for one in words if value in one]
        assert word == f"--name={value}"


@pytest.mark.parametrize("fix", ["__class__=1", "width=__import__('os')", "width=(1).__class__"])
def test_no_value_is_run_as_python(attacked: TestClient, fix: str) -> None:
    assert attacked.post(f"{V1}/studies", json={"case": "tiny", "fix": [fix]}).status_code == 400


# Scripts in names that users choose

SCRIPTS = [
    '"><img src=x onerror=alert(1)>',
    "<svg onload=alert(1)>",
    "'-alert(1)-'",
    "<b>{{ 7 * 7 }}",
    "javascript:alert(1)",
    "<!--><body onload=alert(1)>",
]


class Elements(HTMLParser):
    """Records the elements of a page that could run code."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script" and not (values.get("src") or "").startswith("/tuner/static/"):
            self.bad.append(self.get_starttag_text() or tag)
        for name, value in attrs:
            runs = name in {"href", "src", "action"} and (value or "").lower().startswith("javas")
            if name.startswith("on") or runs:
                self.bad.append(f"{tag} {name}={value}")
        if tag in {"img", "svg", "b"}:
            self.bad.append(tag)


def harmless(answer: Response) -> bool:
    elements = Elements()
    elements.feed(answer.text)
    return elements.bad == [] and "49" not in re.findall(r"<b>(\d+)", answer.text)


@pytest.mark.parametrize("script", one_in(2, SCRIPTS))
def test_no_name_becomes_a_script(empty: Service, script: str) -> None:
    person = empty.tokens.create(script, "admin")
    client = client_of(empty, person)
    asked = {"case": "tiny", "name": script.replace("/", "")}
    made = client.post(f"{V1}/studies", json=asked, headers={"Idempotency-Key": script})
    assert made.status_code == 201
    tagged = client.post(f"{V1}/studies/{asked['name']}/tags", json={"tags": [script]})
    assert tagged.json()["tags"] == [script]
    paths = [
        "/tuner/",
        f"/tuner/?{urlencode({'tag': script})}",
        "/tuner/machine",
        "/tuner/acts",
        "/tuner/models",
        "/tuner/compare",
        "/tuner/hooks",
    ]
    query = {"q": script, "study": script, "case": script, "state": script}
    for path in (*paths, "/tuner/new", f"/tuner/studies/{asked['name']}", f"/tuner/{script}"):
        for given in ({}, query):
            answer = client.get(path, params=given)
            assert harmless(answer), path
            assert "script-src 'self'" in answer.headers["content-security-policy"]
    told = client.get(f"{V1}/studies/{script}")
    assert told.headers["content-type"].startswith("application/")
    assert told.headers["x-content-type-options"] == "nosniff"


def test_a_script_cannot_read_the_cookie(empty: Service) -> None:
    token = empty.tokens.create("ann", "viewer")
    client = client_of(empty)
    login = {"token": token, "form_key": empty.form_key("")}
    cookie = client.post("/tuner/login", data=login).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    key = client.cookies[COOKIE]
    assert key not in client.get("/tuner/").text
    assert token not in client.get("/tuner/").text


def test_a_report_is_shown_in_a_sandbox(attacked: TestClient) -> None:
    for path in (
        f"{V1}/studies/tiny/reports/report.html",
        "/tuner/studies/tiny/reports/report.html",
    ):
        policy = attacked.get(path).headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'")
        assert "script" not in policy


# Requests from another site's page

FOREIGN: list[tuple[str, dict[str, str], int]] = [
    ("evil.example", {}, 421),
    ("evil.example:8080", {}, 421),
    ("127.0.0.1.evil.example", {}, 421),
    ("localhost.", {}, 421),
    ("localhost@evil.example", {}, 421),
    ("evil.example/localhost", {}, 421),
    ("", {}, 421),
    ("[::ffff:127.0.0.1]", {}, 421),
    ("0x7f000001", {}, 421),
    ("evil.example", {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}, 421),
    ("localhost:8080", {"Origin": "http://evil.example"}, 403),
    ("localhost:8080", {"Origin": "http://localhost"}, 403),
    ("localhost:8080", {"Origin": "null"}, 403),
    ("localhost:8080", {"Origin": "http://localhost:8080@evil.example"}, 403),
    ("localhost:8080", {"Origin": "http://[::1"}, 403),
    ("localhost:8080", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("localhost:8080", {"Sec-Fetch-Site": "same-site"}, 403),
]


@pytest.mark.parametrize(("host", "headers", "status"), FOREIGN)
def test_no_other_site_can_act(
    attacked: TestClient, shared: Service, host: str, headers: dict[str, str], status: int
) -> None:
    before = len(shared.queue.all())
    sent = {**SENT, "Host": host, **headers}
    answer = attacked.post(f"{V1}/studies", content='{"case": "tiny"}', headers=sent)
    assert answer.status_code == status
    of_a_proxy = headers.get("Origin") == "http://localhost"  # its port is not passed on
    assert ("a proxy has to pass on the name with its port" in answer.text) == of_a_proxy
    assert len(shared.queue.all()) == before


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
    ],
)
def test_no_plain_form_is_taken_for_json(attacked: TestClient, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = attacked.post(f"{V1}/studies", content='{"case": "tiny"}', headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        *(("GET", {}), ("HEAD", {}), ("PUT", {}), ("DELETE", {}), ("PATCH", {}), ("TRACE", {})),
        ("GET", {"X-HTTP-Method-Override": "POST"}),
    ],
)
def test_nothing_acts_but_a_post(
    attacked: TestClient, method: str, headers: dict[str, str]
) -> None:
    for path in (f"{V1}/studies/tiny/pause", "/tuner/studies/tiny/pause"):
        assert attacked.request(method, path, headers=headers).status_code == 405


def test_a_form_without_the_key_of_its_session_does_nothing(empty: Service) -> None:
    client = client_of(empty)
    fields = {"case": "tiny", "name": "x", "trials": "2", "seeds": "0", "seed": "0"}
    for key in ({}, {"form_key": ""}, {"form_key": "0" * 64}, {"form_key": "\u00e9"}):
        assert client.post("/tuner/new", data={**fields, **key}).status_code == 403
    answer = client.post("/tuner/new", data={**fields, "form_key": form_key(client, "/tuner/new")})
    assert answer.status_code == 303


# Headers


def test_no_name_adds_a_header(empty: Service) -> None:
    client = client_of(empty)
    key = form_key(client, "/tuner/new")
    name = "x\r\nSet-Cookie: a=b"
    answers = [
        client.post(f"/tuner/studies/x%0d%0aSet-Cookie:a=b/{act}", data={"form_key": key})
        for act in ("pause", "total", "tries", "models")
    ]
    fields = {"case": "tiny", "name": name, "trials": "2", "seeds": "0", "seed": "0"}
    answers.append(client.post("/tuner/new", data={**fields, "form_key": key}))
    answers.append(client.get("/tuner/%0d%0aSet-Cookie:a=b"))
    answers.append(client.get("//evil.example/%2e%2e"))
    for answer in answers:
        assert answer.status_code in {400, 404}
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers


@pytest.mark.parametrize("key", ["x" * 201, "\x7f", "a\tb"])
def test_an_idempotency_key_is_a_short_text(attacked: TestClient, key: str) -> None:
    headers = {"Idempotency-Key": key}
    answer = attacked.post(f"{V1}/studies", json={"case": "tiny"}, headers=headers)
    assert answer.status_code == 400


# Too much data, and too slow clients

BODIES = [
    b"[" * 100_000,
    b'{"case": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"case": "tiny", "trials": ' + b"9" * 5000 + b"}",
    b'{"case": "tiny", "trials": 1e999}',
    b'{"case": "tiny", "trials": NaN}',
    b'{"case": "tiny", "max_latency_ms": Infinity}',
    b'{"case": "tiny", "fix": [' + b",".join([b'"a=1"'] * 1000) + b"]}",
    b'{"case": "\xff\xfe"}',
    b'{"case": "\\ud800"}',
    b"null",
    b'"text"',
    b"\x00" * 1000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_made_to_break_is_refused(attacked: TestClient, body: bytes) -> None:
    answer = attacked.post(f"{V1}/studies", content=body, headers=SENT)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_of_many_fields_is_refused(attacked: TestClient) -> None:
    body = "&".join(f"a{number}=1" for number in range(400))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert attacked.post("/tuner/new", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("length", ["99999999999", "9" * 5000, "-1", "1e9"])
def test_a_declared_length_is_held_against_what_is_taken(shared: Service, length: str) -> None:
    with listening(shared) as url:
        head = (
            f"POST {V1}/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        answer = raw(url, f"{head}Content-Length: {length}\r\n\r\n{{}}")
    assert re.match(r"HTTP/1.1 (400|413) ", answer)


@pytest.mark.slow
def test_a_slow_body_is_cut_off(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "SECONDS_FOR_A_BODY", 0.3)
    head = f"POST {V1}/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with listening(shared) as url:
        answer = raw(url, f'{head}Content-Length: 1000\r\n\r\n{{"case": ')
    assert answer.startswith("HTTP/1.1 408 ")
    assert "the body arrives too slowly" in answer


HALF = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"  # the empty line is missing


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=SECONDS_TO_HANG)


def until_closed(connection: socket.socket) -> bytes:
    """Return everything received until the other side closes."""
    found = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", f"{HALF}\r\n"])
def test_who_sends_half_a_request_is_dropped(
    shared: Service, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS_FOR_A_HEAD", 0.3)
    with listening(shared) as url, connect(url) as connection:
        connection.sendall(f"{before}{HALF}".encode())
        assert until_closed(connection).count(b"200 OK") == bool(before)


def unfinished(version: str) -> bytes:
    """Return a request of a version of HTTP, with the first byte of its body; it is refused."""
    head = f"POST /healthz HTTP/{version}\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"
    return f"{head}{{".encode()


@pytest.mark.slow
def test_who_sends_on_after_the_answer_is_dropped(
    shared: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS_FOR_MORE", 0.3)
    with listening(shared) as url, connect(url) as connection:
        connection.sendall(unfinished("1.1"))
        assert b"405 Method" in until_closed(connection)


REFUSED = {
    "/tuner/uploads?name=a.csv": 403,  # no form key
    "/api/v1/data?name=a.exe": 400,
    "/api/v1/studies": 413,
    "/healthz": 405,
    "/nowhere": 404,
}


@pytest.mark.parametrize("path", REFUSED)
@pytest.mark.parametrize("version", ["1.1\r\nConnection: close", "1.0", "1.1"])
def test_who_reads_only_after_sending_a_large_body_learns_why_it_is_refused(
    shared: Service, path: str, version: str
) -> None:
    body = bytes(16 * 2**20)  # more than the system buffers
    head = (
        f"POST {path} HTTP/{version}\r\nHost: localhost\r\nContent-Type: {BYTES}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with listening(shared) as url, connect(url) as connection:
        connection.sendall(head.encode() + body)
        assert connection.recv(65536).startswith(f"HTTP/1.1 {REFUSED[path]} ".encode())
        if version != "1.1":
            until_closed(connection)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_who_never_sends_the_rest_of_a_body_does_not_hold_the_end_of_the_service(
    shared: Service, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS_FOR_MORE", 3600.0)
    with ExitStack() as silent:
        with listening(shared) as url:
            connection = silent.enter_context(connect(url))
            connection.sendall(unfinished(version))
            assert b"405 Method" in connection.recv(65536)
        until_closed(connection)


@pytest.mark.slow
def test_who_sends_on_after_the_last_answer_is_dropped(
    shared: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS_TO_LINGER", 0.3)
    with listening(shared) as url, connect(url) as connection, suppress(ConnectionError):
        connection.sendall(unfinished("1.0"))
        assert b"405 Method" in until_closed(connection)
        while True:
            connection.sendall(b"{")
            time.sleep(0.01)


@pytest.mark.slow
def test_who_never_sends_the_rest_after_the_last_answer_is_dropped(
    shared: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS_FOR_MORE", 0.3)
    with listening(shared) as url, connect(url) as connection, suppress(ConnectionError):
        connection.sendall(unfinished("1.0"))
        assert b"405 Method" in until_closed(connection)
        time.sleep(3)
        while True:  # the other side is gone: at the latest the second attempt fails
            connection.sendall(b"{")


@pytest.mark.slow
def test_who_does_not_read_is_dropped(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SECONDS_TO_READ", 0.3)
    asked = f"{HALF.replace('healthz', 'tuner/static/tuner.js')}\r\n".encode()
    with listening(shared) as url, connect(url) as connection, suppress(ConnectionError):
        while True:  # until the server stops reading
            connection.sendall(asked * 100)


BEGUN = "POST /tuner/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["", HALF, f"{HALF}Content-Length: 9\r\n\r\n{{", BEGUN])
def test_silent_connections_make_room_for_one_that_asks(
    shared: Service, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, made = list[connections.Connection](), connections.Connection.connection_made

    def take(one: connections.Connection, transport: Any) -> None:
        taken.append(one)
        made(one, transport)

    monkeypatch.setattr(connections.Connection, "connection_made", take)
    with listening(shared, most=5) as url, ExitStack() as silent:
        for _ in range(30):
            silent.enter_context(connect(url)).sendall(sent.encode())
        if "\r\n\r\n" in sent:  # it is served, and dropped connections are uncounted a moment later
            wait_until(lambda: len(taken) == 30 and len(taken[0].tasks) < 5)
        with connect(url) as connection:
            connection.sendall(f"{HALF}Connection: close\r\n\r\n".encode())
            assert b"200 OK" in until_closed(connection)


def test_an_upload_goes_after_those_that_have_asked_nothing(shared: Service) -> None:
    with listening(shared, most=5) as url, ExitStack() as silent:
        sending = silent.enter_context(connect(url))
        sending.sendall(f"{HALF.replace('GET', 'POST')}Content-Length: 2\r\n\r\n".encode())
        assert b"405 Method" in sending.recv(65536)
        for _ in range(30):
            silent.enter_context(connect(url))
        sending.sendall(f"{{}}{HALF}Connection: close\r\n\r\n".encode())
        assert b"200 OK" in until_closed(sending)


def test_asyncio_complains_once_a_minute_that_no_file_is_left() -> None:
    line = logging.LogRecord("asyncio", logging.ERROR, "", 0, OUT_OF_FILES, None, None)
    other = logging.LogRecord("asyncio", logging.ERROR, "", 0, "anything else", None, None)
    seldom = OnceAMinute()
    assert [bool(seldom.filter(one)) for one in (line, line, other)] == [True, False, True]
    line.created += 61
    assert seldom.filter(line)


@pytest.mark.slow
def test_many_that_have_data_read_hold_nobody_else(
    shared: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, answers = threading.Event(), []
    found = Outline({}, frozenset(), {}, [])

    def slow(*_: object) -> Outline:
        over.wait(SECONDS_TO_HANG)
        return found

    monkeypatch.setattr(Outliner, "_run", slow)
    monkeypatch.setattr(bulkhead, "SECONDS_TO_WAIT", SECONDS_TO_HANG)
    many = 50  # more than the threads for requests
    with listening(shared) as url, ThreadPoolExecutor(many) as pool:

        def ask() -> None:
            page = f"{url}/tuner/new?case=tiny&read=1"
            answers.append(httpx.get(page, timeout=SECONDS_TO_HANG).status_code)

        for _ in range(many):
            pool.submit(ask)
        wait_until(lambda: len(answers) == many - 1 - MOST_WAITING)
        assert set(answers) == {400}
        assert httpx.get(f"{url}/healthz", timeout=SECONDS_TO_HANG).text == "ok\n"
        over.set()
    assert answers.count(200) == 1 + MOST_WAITING, "the others are told what the first has read"


def test_two_lengths_and_two_hosts_are_refused(shared: Service) -> None:
    """Request smuggling: a proxy and the service would read different requests."""
    head = f"POST {V1}/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with listening(shared) as url:
        for more in (
            "Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}",
            "Content-Length: 2\r\nTransfer-Encoding: chunked, x\r\n\r\n{}",
            "Host: evil.example\r\nContent-Length: 2\r\n\r\n{}",
        ):
            assert raw(url, head + more).startswith("HTTP/1.1 400 ")


def raw(url: str, text: str) -> str:
    """Send bytes over a socket; return everything received until the other side closes."""
    with connect(url) as connection:
        connection.sendall(text.encode())
        found = b""
        while part := connection.recv(65536):
            found += part
            if b"\r\n\r\n" in found and found.count(b"}"):
                break
    return found.decode()


# Identity


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer tuner_"},
        {"Authorization": "Bearer ' OR 1=1 --"},
        {"Authorization": "Bearer \u00e9".encode()},
        {"Authorization": "Basic YW5uOmFubg=="},
        {"Cookie": f"{COOKIE}=ann"},
        {"Cookie": f"{COOKIE}="},
        {"X-Forwarded-User": "ann", "X-Remote-User": "ann"},
        {"X-Forwarded-For": "127.0.0.1"},
    ],
)
def test_nobody_is_taken_for_somebody(empty: Service, headers: dict[str, str | bytes]) -> None:
    token = empty.tokens.create("ann", "admin")
    client = client_of(empty)
    for path in (f"{V1}/studies", f"{V1}/studies?token={token}"):
        assert client.get(path, headers=list(headers.items())).status_code == 401  # type: ignore[arg-type]


def test_guessing_is_slowed_down_however_it_is_disguised(empty: Service) -> None:
    empty.tokens.create("ann", "admin")
    client = client_of(empty)
    found = []
    for number in range(8):
        disguise = {"X-Forwarded-For": f"192.0.2.{number}", "User-Agent": str(number)}
        headers = {"Authorization": f"Bearer tuner_{number}", **disguise}
        found.append(client.get(f"{V1}/studies", headers=headers).status_code)
    assert found == [401] * 5 + [429] * 3


def test_a_session_is_not_taken_over_from_before_the_login(empty: Service) -> None:
    token = empty.tokens.create("ann", "viewer")
    client = client_of(empty)
    client.cookies.set(COOKIE, "chosen-by-an-attacker")
    login = {"token": token, "form_key": empty.form_key("")}
    answer = client.post("/tuner/login", data=login)
    assert "chosen-by-an-attacker" not in answer.headers["set-cookie"]
    other = client_of(empty)
    other.cookies.set(COOKIE, "chosen-by-an-attacker")
    assert other.get("/tuner/").status_code == 303


def test_a_token_is_in_no_page_and_no_database(empty: Service) -> None:
    token = empty.tokens.create("ann", "admin")
    client = client_of(empty, token)
    for path in ("/tuner/", "/tuner/acts", f"{V1}/acts", f"{V1}/jobs", "/metrics"):
        assert token not in client.get(path).text
    file = empty.workplace.root / "studies.db"
    log = file.with_name("studies.db-wal")
    kept = file.read_bytes() + (log.read_bytes() if log.exists() else b"")
    assert token.encode() not in kept
    assert token not in repr(empty)


# Information in errors


def test_no_error_has_the_password_of_the_database() -> None:
    with pytest.raises((StoreError, UsageError)) as raised:
        make_service(Workplace.at(url="postgresql://ann:s3cret@127.0.0.1:1/studies"))
    assert "s3cret" not in str(raised.value)


def test_a_broken_database_is_told_without_its_insides(empty: Service) -> None:
    client = client_of(empty)
    with empty.storage.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE tuner_tokens")
    answer = client.get(f"{V1}/studies")
    assert answer.status_code == 503
    assert not re.search(r"Traceback|SELECT|\.py\b", answer.text)


def test_no_answer_tells_what_the_service_runs_on(attacked: TestClient) -> None:
    for path in ("/healthz", "/nothing", f"{V1}/studies"):
        headers = attacked.get(path).headers
        assert not {"server", "x-powered-by"} & set(headers)


def test_a_frame_of_another_site_shows_nothing(attacked: TestClient) -> None:
    for path in ("/tuner/", "/tuner/new", "/tuner/api"):
        policy = attacked.get(path).headers["content-security-policy"]
        assert "frame-ancestors 'self'" in policy
        assert "form-action 'self'" in policy
        assert "base-uri 'none'" in policy
