from __future__ import annotations

import socket
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anyio
import optuna
import pytest

from tests.serve.making import client_of, listening
from tuner.commands.clean import main as clean
from tuner.errors import StoreError, TunerError, UsageError
from tuner.evidence.trials.diagnosis import Diagnosis, diagnose
from tuner.runs.folder.backup import back_up
from tuner.serve.jobs.supervisor import Supervisor
from tuner.serve.messages.messenger import Messenger
from tuner.serve.orders.requests import study_request
from tuner.serve.studies import browsing, events
from tuner.serve.studies.browsing import Browser
from tuner.serve.studies.events import stream
from tuner.study.arms import arms_of

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.evidence.trials.signs import Curve
    from tuner.serve.service import Service

V1 = "/api/v1"


def test_a_study_of_a_command_line_is_listed_and_shown(client: TestClient) -> None:
    (row,) = client.get(f"{V1}/studies").json()["studies"]
    assert (row["name"], row["state"], row["trials"]) == ("tiny", "confirmed", 5)
    assert row["split"] == "test"
    assert row["best"] is not None
    assert row["baseline"] is not None
    shown = client.get(f"{V1}/studies/tiny").json()
    assert shown["job"] is None
    assert shown["finished"] == 5
    assert shown["diagnosis"]
    assert shown["leaders"][0]["score"] >= shown["leaders"][-1]["score"]
    assert shown["leaders"][0]["curve"]
    trials = client.get(f"{V1}/studies/tiny/trials").json()["trials"]
    assert [one["number"] for one in trials] == [0, 1, 2, 3, 4]
    assert client.get(f"{V1}/studies/tiny/trials.csv").text.count("\n") == 6


def test_the_baseline_is_held_against_the_best_once_the_search_is_over(
    service: Service, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float | None] = []

    def noted(curve: Curve, best: float | None) -> Diagnosis:
        seen.append(best)
        return diagnose(curve, best)

    monkeypatch.setattr(browsing, "diagnose", noted)
    client.get(f"{V1}/studies/tiny")
    service.queue.submit(study_request({"case": "tiny", "trials": 9}, service.shelf), "ann")
    service.browser.forget()
    client.get(f"{V1}/studies/tiny")
    best = arms_of(optuna.load_study(study_name="tiny", storage=service.storage))["best"]
    assert seen == [best.value, None], "as in its report; a search may still find a better one"


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=TIN", 1), ("q=nothing", 0), ("state=confirmed", 1), ("state=running", 0), ("q=tiny+x", 0)],
)
def test_the_list_is_searched_and_filtered(client: TestClient, query: str, found: int) -> None:
    assert len(client.get(f"{V1}/studies?{query}").json()["studies"]) == found


@pytest.mark.parametrize("file", ["report.html", "report.json", "report.md"])
def test_reports_are_served_without_scripts(client: TestClient, file: str) -> None:
    answer = client.get(f"{V1}/studies/tiny/reports/{file}")
    assert answer.status_code == 200
    assert "sandbox; default-src 'none'" in answer.headers["content-security-policy"]


def test_a_study_is_submitted_once_for_a_key(empty: Service) -> None:
    client = client_of(empty)
    asked = {"case": "tiny", "name": "one", "trials": 3, "seeds": 0, "fix": ["width=3"]}
    first, second = (
        client.post(f"{V1}/studies", json=asked, headers={"Idempotency-Key": "a"}) for _ in range(2)
    )
    assert (first.status_code, second.json()["id"]) == (201, first.json()["id"])
    (row,) = client.get(f"{V1}/studies").json()["studies"]
    assert (row["name"], row["state"], row["total"], row["who"]) == ("one", "queued", 3, "owner")
    assert client.get(f"{V1}/studies/one").json()["finished"] == 0
    assert len(client.get(f"{V1}/jobs").json()["jobs"]) == 1


def test_a_job_is_paused_changed_resumed_and_cancelled(empty: Service) -> None:
    client = client_of(empty)
    client.post(f"{V1}/studies", json={"case": "tiny"})
    study = f"{V1}/studies/tiny"
    assert client.post(f"{study}/pause", json={}).json()["state"] == "paused"
    assert client.post(f"{study}/total", json={"trials": 9}).json()["options"]["trials"] == 9
    tried = client.post(f"{study}/tries", json={"try": "width=3,dropout=0.25"}).json()
    assert tried["options"]["tries"] == ["width=3,dropout=0.25"]
    assert client.post(f"{study}/resume", json={}).json()["state"] == "queued"
    assert client.post(f"{study}/cancel", json={}).json()["state"] == "cancelled"
    empty_acts = [one["what"] for one in client.get(f"{V1}/acts").json()["acts"]]
    assert empty_acts[::-1] == [
        *("submit", "pause", "change the total to 9", "try width=3,dropout=0.25"),
        *("resume", "cancel"),
    ]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("studies", {"case": "tinny"}, 400, "did you mean 'tiny'"),
        ("studies", {"case": "tiny", "fix": ["width=99"]}, 400, "--fix width=99 is out of range"),
        ("studies/tiny/pause", {}, 400, "was run from a command line"),
        ("studies/nope/pause", {}, 400, "no study 'nope'"),
        ("studies/tiny/explode", {}, 400, "no act 'explode'"),
        ("studies/tiny/models", {"arm": "worst"}, 400, "no arm 'worst'"),
        ("studies/tiny/models", {"models": 65}, 400, "models: got 65; it takes"),
        ("studies/tiny/models", {"models": "two"}, 400, "models: got 'two'; it takes"),
        ("studies/tiny/models", {"only": ["width"]}, 400, "no change to measure: its best is the"),
        ("studies/tiny/models", {"only": ["a"], "arm": "recipe"}, 400, "only the best has changes"),
        ("studies/nope/ablation", {}, 400, "no study 'nope'"),
        ("studies/tiny/ablation", {"seeds": 0}, 400, "seeds: got 0; it takes a whole number"),
        ("studies/tiny/ablation", {"budget": "1m"}, 400, "budget: got '1m'; it takes"),
        ("models/tiny/none/promote", {}, 400, "no model 'tiny/none'"),
        ("cases/tiny/roll-back", {"reason": "x"}, 400, "there is nothing to roll back to"),
        ("cases/tiny/roll-back", {"reason": " "}, 400, "a roll-back needs a reason"),
        ("cases/tiny/roll-back", {}, 400, "the body has no 'reason'; it takes a text"),
    ],
)
def test_what_cannot_be_done_is_a_problem_document(
    client: TestClient, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post(f"{V1}/{path}", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert answer.json()["status"] == status


@pytest.mark.parametrize(
    "path",
    [
        *("studies/nope", "studies/nope/events", "studies/nope/trials", "models/x/y", "nothing"),
        *("studies/tiny/reports/study.db", "studies/tiny/reports/..%2f..%2fstudies.db"),
        *("studies/..%2f..%2fetc/reports/report.html", "cases/tiny/current"),
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(f"{V1}/{path}").status_code in {400, 404}


def test_a_comparison_needs_two_studies(client: TestClient) -> None:
    assert "choose 2 to 8" in client.get(f"{V1}/compare?study=tiny&study=tiny").json()["detail"]


def test_a_study_that_was_renamed_or_deleted_leaves_no_row(
    service: Service, client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    number = client.post(f"{V1}/studies", json={"case": "tiny", "trials": 5}).json()["id"]
    service.queue.claim("a service")
    service.queue.end(number, "a service", "done", "")
    home = ["--home", str(service.workplace.root)]
    for command in (["rename", "tiny", "other"], ["delete", "other", "--yes"]):
        assert import_module(f"tuner.commands.{command[0]}").main([*command[1:], *home]) == 0
        service.browser.forget()
        names = [row["name"] for row in client.get(f"{V1}/studies").json()["studies"]]
        assert names == (["other"] if command[0] == "rename" else [])


@pytest.mark.parametrize("part", [Supervisor, Messenger])
def test_a_part_that_has_ended_is_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, part: type
) -> None:
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(part, "is_well", False)
    answer = client.get("/readyz")
    assert (answer.status_code, "restart the service" in answer.text) == (503, True)


def test_it_says_how_it_is(client: TestClient) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"
    metrics = client.get("/metrics").text
    assert 'tuner_jobs{state="queued"} 0' in metrics
    assert 'tuner_trials{state="complete"}' in metrics
    assert "tuner_workers 1\n" in metrics
    assert "tuner_workers_busy 0\n" in metrics
    seconds, count = (
        float(metrics.partition(f"tuner_trial_seconds_{one} ")[2].split()[0])
        for one in ("sum", "count")
    )
    assert count >= 5
    assert seconds > 0


@pytest.mark.slow
def test_events_are_resumed_by_their_id(service: Service) -> None:
    async def first(last: str | None) -> str | None:
        with anyio.move_on_after(1):
            async for text in stream(service.browser, "tiny", last, lambda: True).body_iterator:
                return str(text)
        return None

    event = anyio.run(first, None)
    assert event is not None
    mark, kind, data, *_ = event.split("\n")
    assert kind == "event: study"
    assert data.startswith('data: {"study": "tiny"')
    assert anyio.run(first, mark.removeprefix("id: ")) is None
    assert anyio.run(first, "another") == event


@pytest.mark.parametrize("error", [UsageError("no study 'tiny'"), StoreError("it is away")])
def test_events_end_where_a_study_can_be_seen_no_more(
    service: Service, error: TunerError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> dict[str, object]:
        raise error

    async def watched() -> int:
        seen = 0
        async for _ in stream(service.browser, "tiny", None, lambda: True).body_iterator:
            seen += 1
            monkeypatch.setattr(Browser, "study", gone)
        return seen

    monkeypatch.setattr(events, "SECONDS_BETWEEN_LOOKS", 0.0)
    assert anyio.run(watched) == 1


LEAVING = {"Host": "localhost", "Content-Length": "1000"}
SENDERS = [
    ("GET", "/healthz", {}),
    ("GET", f"{V1}/studies", {}),
    ("POST", f"{V1}/studies", {"Content-Type": "application/json"}),
    ("POST", f"{V1}/data?name=x.csv", {"Content-Type": "application/octet-stream"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "headers"), SENDERS)
def test_who_leaves_before_a_body_is_whole_leaves_no_traceback(
    empty: Service,
    capfd: pytest.CaptureFixture[str],
    method: str,
    path: str,
    headers: dict[str, str],
) -> None:
    lines = [f"{name}: {value}" for name, value in (LEAVING | headers).items()]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
    with listening(empty) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"{head}begun".encode())
    assert "Traceback" not in capfd.readouterr().err
    folder = empty.workplace.root / "uploads"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_housekeeping_works_beside_the_services_tables(
    service: Service, client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.post(f"{V1}/studies", json={"case": "tiny", "name": "waits"})
    assert clean(["--home", str(service.workplace.root)]) == 0
    assert "waits" not in capsys.readouterr().out
    backup = back_up(service.workplace, tmp_path / "backup.zip")
    assert backup.trials == {"tiny": 5}
