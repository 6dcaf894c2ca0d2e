"""The API document: it has every route, and the service's responses match it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Mount

from tests.making import TINY, retrained
from tests.sampling import one_in
from tests.serve.making import client_of
from tuner.errors import UsageError
from tuner.serve import api
from tuner.serve.api.bodies import StudyWish, Total
from tuner.serve.api.document import PROBLEM
from tuner.serve.api.reading import read
from tuner.serve.app import application
from tuner.serve.orders.requests import KNOWN
from tuner.serve.web.operation import JSON
from tuner.serve.web.routing import RoleRoute

if TYPE_CHECKING:
    from httpx2 import Response
    from starlette.testclient import TestClient

    from tuner.serve.service import Service

V1 = api.V1
STREAMS = f"{V1}/studies/{{name}}/events"  # endless; tested in test_api


class Call(NamedTuple):
    path: str
    route: str
    status: int
    body: dict[str, Any] | None = None


CALLS = [
    Call("/healthz", "/healthz", 200),
    Call("/readyz", "/readyz", 200),
    Call("/metrics", "/metrics", 200),
    *(
        Call(f"{V1}{path}", f"{V1}{path.partition('?')[0]}", 200)
        for path in (
            *("/studies?tag=a&archived=true", "/jobs", "/models", "/ledger", "/acts"),
            *("/openapi.json", "/machine", "/machine/waste?days=3", "/machine/upkeep", "/data"),
            *("/studies?limit=1", "/jobs?limit=1"),
        )
    ),
    *(
        Call(f"{V1}/studies/{name}{rest}", f"{V1}/studies/{{name}}{rest}", 200)
        for name, rest in (
            ("tiny", ""),
            ("waits", ""),
            ("tiny", "/trials"),
            ("tiny", "/trials.csv"),
        )
    ),
    *(
        Call(f"{V1}/studies/tiny/reports/{file}", f"{V1}/studies/{{name}}/reports/{{file}}", 200)
        for file in ("report.html", "report.json", "report.md")
    ),
    Call(f"{V1}/compare?study=tiny&study=tiny", f"{V1}/compare", 400),
    Call(f"{V1}/studies", f"{V1}/studies", 201, {"case": "tiny", "name": "one", "trials": 2}),
    Call(f"{V1}/studies", f"{V1}/studies", 400, {"case": "nothing"}),
    Call(f"{V1}/studies/waits/pause", f"{V1}/studies/{{name}}/{{act}}", 200, {}),
    Call(f"{V1}/studies/waits/total", f"{V1}/studies/{{name}}/total", 200, {"trials": 7}),
    Call(f"{V1}/studies/waits/tries", f"{V1}/studies/{{name}}/tries", 200, {"try": "width=3"}),
    Call(f"{V1}/studies/tiny/models", f"{V1}/studies/{{name}}/models", 201, {}),
    Call(f"{V1}/studies/no/ablation", f"{V1}/studies/{{name}}/ablation", 400, {}),
    *(
        Call(f"{V1}/studies/{name}/{part}", f"{V1}/studies/{{name}}/{part}", status, body)
        for name, part, status, body in (
            ("tiny", "tags", 200, {"tags": ["b", "a"]}),
            ("tiny", "tags", 400, {"tags": ["a,b"]}),
            ("tiny", "archive", 200, {}),
            ("waits", "archive", 400, {}),
            ("tiny", "unarchive", 200, {}),
            ("waits", "priority", 200, {"priority": "low"}),
            ("waits", "priority", 400, {"priority": "now"}),
            ("waits", "children", 201, {"name": "child", "fix": ["width=3"]}),
            ("tiny", "deletion", 200, None),
            ("none", "deletion", 404, None),
            ("tiny", "deletion", 201, {}),
        )
    ),
    Call(f"{V1}/studies?archived=maybe", f"{V1}/studies", 400),
    Call(f"{V1}/studies?archived=", f"{V1}/studies", 400),
    Call(f"{V1}/machine/waste?days=", f"{V1}/machine/waste", 400),
    Call(f"{V1}/compare?study=a&study=a&study=b", f"{V1}/compare", 400),
    Call(f"{V1}/machine/clean", f"{V1}/machine/clean", 400, {"what": ["/etc/passwd"]}),
    Call(
        f"{V1}/machine/upkeep",
        f"{V1}/machine/upkeep",
        200,
        {"every": 7, "older_than": 9, "budget": 5},
    ),
    Call(f"{V1}/data?name=x.csv", f"{V1}/data", 415, {}),
    Call(f"{V1}/models/a/b", f"{V1}/models/{{study}}/{{bundle}}", 404),
    Call(f"{V1}/models/a/b/download", f"{V1}/models/{{study}}/{{bundle}}/download", 404),
    Call(f"{V1}/models/a/b/predict", f"{V1}/models/{{study}}/{{bundle}}/predict", 400, {}),
    Call(f"{V1}/models/a/b/promote", f"{V1}/models/{{study}}/{{bundle}}/promote", 400, {}),
    Call(f"{V1}/cases/tiny/current", f"{V1}/cases/{{case}}/current", 404),
    Call(f"{V1}/hooks", f"{V1}/hooks", 200),
    Call(f"{V1}/hooks", f"{V1}/hooks", 201, {"url": "https://1.1.1.1/"}),
    Call(f"{V1}/hooks", f"{V1}/hooks", 400, {"url": "https://127.0.0.1/"}),
    Call(f"{V1}/hooks/1/deliveries", f"{V1}/hooks/{{number}}/deliveries", 404),
    Call(f"{V1}/hooks/1/test", f"{V1}/hooks/{{number}}/test", 400, {}),
    Call(f"{V1}/hooks/1/remove", f"{V1}/hooks/{{number}}/remove", 400, {}),
    Call(f"{V1}/cases/tiny/roll-back", f"{V1}/cases/{{case}}/roll-back", 400, {"reason": "x"}),
]


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{V1}/openapi.json").json()
    return found


def checked(document: dict[str, Any], route: str, answer: Response) -> None:
    """Validate a response against the document of its route."""
    said = document["paths"][route][answer.request.method.lower()]["responses"]
    assert str(answer.status_code) in said, f"{route} answered {answer.status_code}"
    media = answer.headers["content-type"].partition(";")[0]
    content = said[str(answer.status_code)]["content"]
    assert media in content, f"{route} answered {media}"
    if media in {JSON, PROBLEM}:
        schema = {**content[media]["schema"], "components": closed(document["components"])}
        Draft202012Validator(schema).validate(answer.json())


def closed(components: dict[str, Any]) -> dict[str, Any]:
    """Return the components without permission for unknown fields: responses must be documented."""
    schemas = {
        name: {"additionalProperties": False, **schema} if "properties" in schema else schema
        for name, schema in components["schemas"].items()
    }
    return {"schemas": schemas}


def test_every_route_of_the_application_is_in_it(empty: Service, document: dict[str, Any]) -> None:
    every = application(empty).routes
    mounted = [one for one in every if isinstance(one, Mount)]
    assert [one.path for one in mounted] == ["/tuner/static"]
    found = [one for one in every if isinstance(one, RoleRoute)]
    assert len(found) + len(mounted) == len(every)
    programs = [one for one in found if not one.path.startswith("/tuner") and one.path != "/"]
    assert {(one.path_format, one.method.lower()) for one in programs} == {
        (path, method) for path, methods in document["paths"].items() for method in methods
    }
    assert all(one.operation is not None for one in programs)


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for path, methods in document["paths"].items():
        parts = set(re.findall(r"\{(\w+)\}", path))
        for one in methods.values():
            assert {p["name"] for p in one["parameters"] if p["in"] == "path"} == parts


def test_every_route_is_called_here(document: dict[str, Any]) -> None:
    assert {call.route for call in CALLS} == set(document["paths"]) - {STREAMS}


@pytest.mark.parametrize("call", one_in(4, CALLS), ids=lambda call: f"{call.path} {call.status}")
def test_what_is_answered_is_what_it_says(
    client: TestClient, document: dict[str, Any], call: Call
) -> None:
    waiting = {"case": "tiny", "name": "waits", "trials": 3, "seeds": 0}
    client.post(f"{V1}/studies", json=waiting)
    answer = client.get(call.path) if call.body is None else client.post(call.path, json=call.body)
    assert answer.status_code == call.status, answer.text
    checked(document, call.route, answer)


@pytest.mark.slow
def test_what_is_answered_of_a_model_is_what_it_says(
    service: Service, document: dict[str, Any]
) -> None:
    client, model = client_of(service), f"{V1}/models/tiny/"
    bundle = retrained("tiny", case_file=TINY, workplace=service.workplace).name
    route = f"{V1}/models/{{study}}/{{bundle}}"
    columns = client.get(f"{model}{bundle}").json()["manifest"]["preprocessing"]["columns"]
    row = ",".join("0" for _ in columns)
    for rest, body in (
        ("", None),
        ("/download", None),
        ("/predict", row),
        ("/promote", '{"reason": "a test"}'),
    ):
        answer = (
            client.get(model + bundle + rest)
            if body is None
            else client.post(
                model + bundle + rest, content=body, headers={"Content-Type": "application/json"}
            )
        )
        checked(document, route + rest, answer)
    checked(document, f"{V1}/models", client.get(f"{V1}/models"))
    checked(document, f"{V1}/ledger", client.get(f"{V1}/ledger"))
    current = client.get(f"{V1}/cases/tiny/current")
    assert current.status_code == 200
    checked(document, f"{V1}/cases/{{case}}/current", current)


def test_its_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/tuner/api")
    assert "/api/v1/studies/{name}/events" in answer.text
    assert not re.search(r"<script(?![^>]*\bsrc=\"/tuner/static/)", answer.text)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert client.get("/tuner/static/rapidoc-min.js").status_code == 200


def test_the_types_of_requests_are_the_options_of_forms() -> None:
    assert set(StudyWish.__annotations__) == KNOWN | {"settings_of"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"case": "tiny", "trials": 0}, "trials: got 0; it takes a whole number, 1 to 100000"),
        ({"case": "tiny", "trials": True}, "trials: got True; it takes a whole number"),
        ({"case": "tiny", "trials": "5"}, "trials: got '5'; it takes a whole number"),
        ({"case": "tiny", "timeout": 0}, "timeout: got 0; it takes a whole number, 1 to"),
        ({"case": "tiny", "order": "x"}, "no order 'x'. The orders are arrival, work"),
        ({"case": "tiny", "precision": 1}, "precision: got 1; it takes one of float32, bfloat16"),
        ({"case": "tiny", "fix": "a=1"}, "fix: got 'a=1'; it takes a list of at most 100 texts"),
        ({"case": "tiny", "fix": [1]}, r"fix: got \[1\]; it takes a list"),
        ({"case": "tiny", "max_latency_ms": 0}, "it takes a number above 0"),
        ({"case": "tiny", "accept_changes": "no"}, "it takes true or false"),
        ({"case": "tiny", "case ": 1}, "no option 'case '; did you mean 'case'"),
        ({"case": "tiny", "budget": 0}, "budget: got 0; it takes a whole number, 1 to"),
        ({"case": "tiny", "metric": ""}, "metric: got ''; it takes a text of 1 to 2000 letters"),
        ({"case": 5}, "case: got 5; it takes a text of at most 2000 letters"),
        ({"case": "x" * 3000}, r"case: got 'x{79}\.\.\.; it takes"),
        ({"case": "tiny", "name": "\ud800"}, "a character that no text has"),
        ({"case": "tiny", "name": "a\0"}, "a character that no text has"),
    ],
)
def test_a_body_that_cannot_be_used_is_explained(body: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(StudyWish, body)


def test_a_body_that_lacks_something_is_explained(client: TestClient) -> None:
    with pytest.raises(UsageError, match="the body has no 'trials'; it takes a whole number"):
        read(Total, {})
    answer = client.post(f"{V1}/studies", json={})
    assert answer.status_code == 400
    assert "the body has no 'case'; name one, or an earlier study" in answer.json()["detail"]
