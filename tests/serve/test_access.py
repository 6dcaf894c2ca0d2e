"""Access: every route for every role, and requests from other sites' pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serve.making import client_of, form_key, make_service
from tuner.errors import UsageError
from tuner.serve.app import application
from tuner.serve.tokens import MOST_FAILURES, ROLES, Tokens
from tuner.serve.web.access import LARGEST_BODY
from tuner.serve.web.routing import RoleRoute
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.serve.service import Service

V1 = "/api/v1"
OPEN = {"/healthz", "/readyz", "/", "/tuner/login", "/tuner/language"}
PARTS = {"file": "report.md", "act": "pause", "number": "1"}  # of paths; the others are "none"


def routes_of(service: Service) -> list[RoleRoute]:
    """Return all routes of the application itself, whoever added them."""
    found = [one for one in application(service).routes if isinstance(one, RoleRoute)]
    assert len(found) == len(application(service).routes) - 1, "the rest are the static files"
    return found


def filled(route: RoleRoute) -> str:
    parts = {part: PARTS.get(part, "none") for part in route.param_convertors}
    return route.path_format.format(**parts)


def ask(client: TestClient, route: RoleRoute) -> int:
    page = route.path.startswith("/tuner")
    body = {"data": {"a": "b"}} if page else {"json": {}}
    sent = body if route.method == "POST" else {}
    return client.request(route.method, filled(route), **sent).status_code  # type: ignore[arg-type]


def test_only_these_routes_are_open(empty: Service) -> None:
    routes = routes_of(empty)
    assert {one.path for one in routes if one.role is None} == OPEN
    posts = {one.path: one.role for one in routes if one.method == "POST" and one.role}
    harmless = {"/tuner/logout", f"{V1}/models/{{study}}/{{bundle}}/predict"}
    assert {path for path, role in posts.items() if role == "viewer"} == harmless


@pytest.mark.slow
@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_route_asks_for_its_role(empty: Service, role: str) -> None:
    token = empty.tokens.create("someone", role or "viewer")
    client = client_of(empty, token if role else "")
    for route in routes_of(empty):
        status = ask(client, route)
        place = f"{route.method} {route.path} as {role or 'nobody'}: {status}"
        page, needed = route.path.startswith("/tuner") or route.path == "/", route.role
        if needed is None:
            assert status in {200, 303, 403}, place
            assert (status == 403) == (route.method == "POST"), "no form key was sent"
        elif not role:
            assert status == (303 if page and route.method == "GET" else 401), place
        elif ROLES.index(role) < ROLES.index(needed):
            assert status == 403, place
        elif route.method == "GET":
            assert status in {200, 400, 404}, place
        else:
            assert status in {201, 303, 400, 403, 415}, place
            assert (status == 403) == page, "no form key was sent"


def test_without_tokens_it_is_open_on_this_machine_alone(tmp_path: Path) -> None:
    for loopback, status in ((True, 200), (False, 401)):
        made = make_service(Workplace.at(tmp_path / str(loopback)), loopback=loopback)
        assert client_of(made).get(f"{V1}/studies").status_code == status
        made.storage.engine.dispose()


def test_a_token_opens_until_it_is_revoked_or_expires(empty: Service) -> None:
    now = [0.0]
    tokens = Tokens(empty.storage.engine, lambda: now[0])
    token = tokens.create("ann", "operator", days=1)
    found = tokens.find(token)
    assert found is not None
    assert (found.name, found.role, found.may("viewer"), found.may("admin")) == (
        *("ann", "operator"),
        *(True, False),
    )
    assert tokens.find(token + "x") is None
    assert all(token not in str(vars(one)) for one in tokens.all()), "only its hash is kept"
    now[0] = 86401
    assert tokens.find(token) is None
    now[0] = 0
    tokens.revoke("ann")
    assert tokens.find(token) is None


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [("ann", "viewer", "already a token"), ("bob", "king", "no role"), ("", "viewer", "name ''")],
)
def test_unusable_tokens_are_refused(empty: Service, name: str, role: str, said: str) -> None:
    empty.tokens.create("ann", "viewer")
    with pytest.raises(UsageError, match=said):
        empty.tokens.create(name, role)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}, 201),
        ({}, 201),
    ],
)
def test_pages_of_other_sites_do_nothing(
    empty: Service, headers: dict[str, str], status: int
) -> None:
    client = client_of(empty)
    sent = {"Content-Type": "application/json", **headers}
    answer = client.post(f"{V1}/studies", content='{"case": "tiny"}', headers=sent)
    assert answer.status_code == status
    assert len(empty.queue.all()) == (status == 201)


def test_a_form_needs_the_key_of_its_session(empty: Service) -> None:
    token = empty.tokens.create("ann", "operator")
    client, other = client_of(empty), client_of(empty)
    fields = {"case": "tiny", "name": "x", "trials": "2", "seeds": "0", "seed": "0"}
    for one in (client, other):
        assert one.get("/tuner/").headers["location"] == "/tuner/login"
        key = {"token": token, "form_key": form_key_of_nobody(empty)}
        answer = one.post("/tuner/login", data=key)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
    stolen = {**fields, "form_key": form_key(other, "/tuner/new")}
    assert client.post("/tuner/new", data=fields).status_code == 403
    assert client.post("/tuner/new", data=stolen).status_code == 403
    own = {**fields, "form_key": form_key(client, "/tuner/new")}
    assert client.post("/tuner/new", data=own).status_code == 303
    assert [job.who for job in empty.queue.all()] == ["ann"]
    empty.tokens.revoke("ann")
    assert client.get(f"{V1}/studies").status_code == 200, "no token is left: it is open again"


def test_who_logs_in_comes_to_the_page_they_asked_for(empty: Service) -> None:
    token = empty.tokens.create("ann", "operator")
    client = client_of(empty)
    login = client.get("/tuner/new?case=tiny").headers["location"]
    assert login == "/tuner/login?next=%2Ftuner%2Fnew%3Fcase%3Dtiny"
    assert 'name="next" value="/tuner/new?case=tiny"' in client.get(login).text
    fields = {"form_key": form_key_of_nobody(empty), "token": "wrong", "next": "/tuner/new?case=a"}
    assert 'name="next" value="/tuner/new?case=a"' in client.post("/tuner/login", data=fields).text
    for address in ("//evil.example/", "https://evil.example/tuner/", "/\\evil.example", "/x"):
        told = client.post("/tuner/login", data={**fields, "token": token, "next": address})
        assert told.headers["location"] == "/tuner/"
        client.cookies.clear()
    told = client.post("/tuner/login", data={**fields, "token": token})
    assert told.headers["location"] == "/tuner/new?case=a"


def test_a_form_of_who_is_logged_out_says_to_log_in(empty: Service) -> None:
    empty.tokens.create("ann", "operator")
    answer = client_of(empty).post("/tuner/new", data={"case": "tiny"})
    assert answer.status_code == 401
    assert "you are logged out, so nothing was done; log in again" in answer.text
    assert '<a href="/tuner/login">Log in</a>' in answer.text


def form_key_of_nobody(service: Service) -> str:
    return service.form_key("")


def test_a_session_ends_with_its_token_and_by_logging_out(empty: Service) -> None:
    empty.tokens.create("stays", "viewer")
    token = empty.tokens.create("ann", "viewer")
    client = client_of(empty)
    login = {"token": token, "form_key": form_key_of_nobody(empty)}
    client.post("/tuner/login", data=login)
    assert client.get("/tuner/").status_code == 200
    cookie = client.cookies["tuner_session"]
    client.post("/tuner/logout", data={"form_key": form_key(client, "/tuner/")})
    client.cookies.set("tuner_session", cookie)
    assert client.get("/tuner/").status_code == 303, "the old cookie opens nothing"
    client.cookies.clear()
    client.post("/tuner/login", data=login)
    ann = empty.tokens.find(token)
    assert ann is not None
    assert empty.tokens.still_open(ann)
    empty.tokens.revoke("ann")
    assert client.get("/tuner/").status_code == 303
    assert not empty.tokens.still_open(ann), "what is open by it, as a stream, ends"
    empty.tokens.create("ann", "admin")
    assert client.get("/tuner/").status_code == 303, "a new token of that name is another token"
    assert not empty.tokens.still_open(ann)


@pytest.mark.parametrize("by", ["header", "form"])
def test_guessers_have_to_wait_and_a_good_token_opens_meanwhile(empty: Service, by: str) -> None:
    token = empty.tokens.create("ann", "viewer")
    client = client_of(empty)

    def guess(word: str) -> int:
        if by == "header":
            return client.get(
                f"{V1}/studies", headers={"Authorization": f"Bearer {word}"}
            ).status_code
        form = {"token": word, "form_key": form_key_of_nobody(empty)}
        return client.post("/tuner/login", data=form).status_code

    assert [guess(f"tuner_{number}") for number in range(MOST_FAILURES)] == [401] * MOST_FAILURES
    assert guess("tuner_x") == 429
    assert guess(token) == (200 if by == "header" else 303)
    client.cookies.clear()
    assert guess("tuner_x") == 429, "and says nothing for those that do not open"


def test_large_bodies_are_refused(empty: Service) -> None:
    client = client_of(empty)
    body = b'{"case": "' + b"x" * LARGEST_BODY + b'"}'

    def parts() -> object:
        yield body

    sent = {"Content-Type": "application/json"}
    for content in (body, parts()):
        answer = client.post(f"{V1}/studies", content=content, headers=sent)  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert answer.json()["detail"] == "the body is larger than 1 MiB"


def test_every_answer_keeps_the_browser_strict(client: TestClient) -> None:
    for path in ("/tuner/", "/tuner/studies/tiny", "/tuner/static/tuner.js", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
