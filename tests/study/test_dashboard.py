"""The content of optuna-dashboard, from its own server."""

from __future__ import annotations

import io
import json
import shutil
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore
from optuna_dashboard import save_note, wsgi

from tests.making import DATABASE, HERE, TINY, retrained
from tuner.commands.ablate import main as ablate
from tuner.commands.dashboard import main as dashboard
from tuner.commands.study import main
from tuner.report.document import first_screen
from tuner.report.writing import write_report
from tuner.study.dashboard import publish_report
from tuner.study.schema import ABLATION, CONFIRMATION
from tuner.study.store import load_study

if TYPE_CHECKING:
    from pathlib import Path


def ask(path: str) -> bytes:
    """Return the response of the dashboard for a path, with the study's database and artifacts."""
    storage = optuna.storages.RDBStorage(DATABASE)
    app = wsgi(storage, artifact_store=FileSystemArtifactStore(str(HERE.root / "artifacts")))
    status, body = answer_of(app, path)
    assert status == "200 OK", body
    return body


def answer_of(app: Any, path: str) -> tuple[str, bytes]:
    """Return the status and the body that a WSGI application has for a path."""
    status: list[str] = []
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "after=0",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    answer = app(environment, lambda line, _headers, _info=None: status.append(line))
    try:
        body = b"".join(answer)
    finally:
        getattr(answer, "close", lambda: None)()  # as a server does
    return status[0], body


def detail() -> dict[str, Any]:
    number = load_study(DATABASE, "tiny")._study_id
    read: dict[str, Any] = json.loads(ask(f"/api/studies/{number}"))
    return read


def artifacts(shown: dict[str, Any]) -> dict[str, str]:
    return {one["filename"]: one["artifact_id"] for one in shown["artifacts"]}


def test_the_dashboard_shows_the_summary_and_the_report(own_workplace: Path) -> None:
    shown = detail()
    report = own_workplace / "storage" / "reports" / "tiny"
    assert shown["note"]["body"] == (report / "report.md").read_text("utf-8").split("\n\n## ")[0]
    found = artifacts(shown)
    assert set(found) == {"report.html", *(path.name for path in report.glob("*.svg"))}
    number = load_study(DATABASE, "tiny")._study_id
    assert (
        ask(f"/artifacts/{number}/{found['report.html']}") == (report / "report.html").read_bytes()
    )


def test_a_file_that_stayed_behind_is_an_answer(
    own_workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    serving = "optuna_dashboard.run_server"
    monkeypatch.setattr(serving, lambda storage, **given: served.append(wsgi_of(storage, given)))
    found = artifacts(detail())["report.html"]
    path = f"/artifacts/{load_study(DATABASE, 'tiny')._study_id}/{found}"
    assert dashboard([]) == 0
    kept = own_workplace / "storage/reports/tiny/report.html"
    assert answer_of(served[0], path) == ("200 OK", kept.read_bytes())
    shutil.rmtree(own_workplace / HERE.root / "artifacts")
    status, body = answer_of(served[0], path)
    assert status == "404 Not Found"
    assert b"`tuner report` writes a study&#039;s report again" in body


def wsgi_of(storage: Any, given: dict[str, Any]) -> Any:
    """Return the application that the dashboard's server would run."""
    return wsgi(storage, artifact_store=given["artifact_store"])


@pytest.mark.slow
def test_a_new_report_takes_the_place_of_the_old_one(own_workplace: Path) -> None:
    before = detail()
    assert main(["--trials", "5", "--seeds", "2", "--workers", "1", _reference()]) == 0
    after = detail()
    assert artifacts(after) == artifacts(before)
    assert len(after["artifacts"]) == len(before["artifacts"])
    study = load_study(DATABASE, "tiny")
    report = write_report(study, HERE, own_workplace / "other")
    (own_workplace / "other" / "history.svg").unlink()
    publish_report(study, report, first_screen(report.read_text()), HERE.depot)
    assert set(artifacts(before)) - set(artifacts(detail())) == {"history.svg"}
    assert not (own_workplace / HERE.root / "artifacts" / artifacts(before)["history.svg"]).exists()


@pytest.mark.slow
def test_the_latest_bundle_is_shown(own_workplace: Path) -> None:
    bundles = [retrained("tiny", case_file=TINY, arm="baseline", seed=seed) for seed in (1, 2)]
    found = artifacts(detail())
    assert {path.name for path in bundles[0].iterdir()} < set(found)
    shown = (own_workplace / HERE.root / "artifacts" / found["weights.safetensors"]).read_bytes()
    assert shown == (bundles[1] / "weights.safetensors").read_bytes()
    report = own_workplace / "storage/reports/tiny/report.md"
    publish_report(load_study(DATABASE, "tiny"), report, "Another note.", HERE.depot)
    assert artifacts(detail()) == found, "a new report leaves it there"


@pytest.mark.slow
def test_an_ablation_is_shown_too(own_workplace: Path) -> None:
    study = load_study(DATABASE, "tiny")
    stored = study.user_attrs[CONFIRMATION]
    winner = next(number for number in stored["candidates"] if number != 0)
    study.set_user_attr(CONFIRMATION, {**stored, "winner": winner})
    assert ablate(["tiny", "--case", TINY, "--seeds", "1", "--workers", "1"]) == 0
    study = load_study(DATABASE, "tiny")
    found = study.user_attrs[ABLATION]
    first, *rest = found["changes"]
    step = {"path": [first], "rest": rest, "path_scores": [[0.6], [0.7]]}
    study.set_user_attr(ABLATION, {**found, **step})  # a study this small has none
    report = write_report(study, HERE, own_workplace / "storage/reports/tiny")
    publish_report(study, report, first_screen(report.read_text()), HERE.depot)
    assert "ablation.svg" in artifacts(detail())


def _reference() -> str:
    reference: str = load_study(DATABASE, "tiny").user_attrs["tuner"]["reference"]
    return reference


def test_a_note_that_a_person_wrote_is_kept(own_workplace: Path) -> None:
    study = load_study(DATABASE, "tiny")
    report = own_workplace / "storage/reports/tiny/report.md"
    report.write_text("# Study `tiny`\n\n**Another verdict.**\n", encoding="utf-8")
    publish_report(study, report, first_screen(report.read_text()), HERE.depot)
    assert "Another verdict" in detail()["note"]["body"], "ours follows the report"
    save_note(study, "I will look at this on Monday.")
    publish_report(study, report, first_screen(report.read_text()), HERE.depot)
    assert detail()["note"]["body"] == "I will look at this on Monday."
    save_note(study, "")
    publish_report(study, report, first_screen(report.read_text()), HERE.depot)
    assert "Another verdict" in detail()["note"]["body"]
