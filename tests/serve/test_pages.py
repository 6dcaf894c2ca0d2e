from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import optuna
import pytest

from tests.serve.making import client_of, form_key
from tuner.serve.actions import changes
from tuner.serve.jobs.job_command import command_of
from tuner.serve.web.rendering import HERE, STATIC, csv_cell
from tuner.study.schema import CONFIRMATION

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.serve.service import Service

PAGES = (
    *("/tuner/", "/tuner/?q=tiny&state=confirmed", "/tuner/new", "/tuner/new?case=tiny"),
    *("/tuner/studies/tiny", "/tuner/studies/tiny/report", "/tuner/compare", "/tuner/models"),
    *("/tuner/acts", "/tuner/login"),
)


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_whole(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    text = answer.text
    assert text.count("<h1>") == 1
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", text), "nothing runs inline"
    assert not re.search(r"(src|href|action)=\"(https?:)?//", text), "nothing from elsewhere"
    for file in re.findall(r'/tuner/static/([^"]+)', text):
        assert (STATIC / file).is_file()
    labels = len(re.findall(r"<label", text))
    fields = len(re.findall(r'<(?:input(?! type="hidden")|select|textarea)', text))
    assert labels == fields, "every field has a label"


@pytest.mark.parametrize("path", sorted(HERE.glob("templates/*.html")), ids=lambda one: one.name)
def test_a_table_that_may_be_wider_than_its_page_is_moved_by_keyboard(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for begin, inside in re.findall(r'<div class="table"(.*?)>(.*?)</table>', source, re.S):
        has_links = re.search(r"<(a|button|input|select)\b|heads\(\)", inside)
        assert has_links or 'tabindex="0" role="region" aria-label' in begin, inside


def test_others_work_is_named_with_version_and_licence() -> None:
    told = (STATIC / "LICENSES.txt").read_text(encoding="utf-8")
    ours = {"LICENSES.txt", "tuner.css", "tuner.js"}
    for path in STATIC.iterdir():
        assert path.name in ours or re.search(rf"{re.escape(path.name)}.*\d\.\d.*licence", told)


def test_a_study_is_submitted_and_changed_by_forms(empty: Service) -> None:
    client = client_of(empty)
    key = form_key(client, "/tuner/new?case=tiny")
    fields = {"form_key": key, "case": "tiny", "name": "a & b", "trials": "4", "seeds": "0"}
    wrong = client.post("/tuner/new", data={**fields, "seed": "0", "fix:width": "99"})
    assert wrong.status_code == 400
    assert "--fix width=99 is out of range; it takes 2 to 8" in wrong.text
    assert 'value="a &amp; b"' in wrong.text, "what was typed stays"
    done = client.post("/tuner/new", data={**fields, "seed": "0", "fix:width": "3"})
    assert done.headers["location"] == "/tuner/studies/a%20%26%20b"
    study = done.headers["location"]
    shown = client.get(study).text
    assert "queued" in shown
    for act, further in (
        ("total", {"trials": "7"}),
        ("tries", {"try": "dropout=0.5"}),
        ("pause", {}),
        ("resume", {}),
        ("cancel", {}),
    ):
        answer = client.post(f"{study}/{act}", data={"form_key": key, **further})
        assert answer.status_code == 303, answer.text
    (job,) = empty.queue.all()
    assert (job.state, job.options["trials"], job.options["fix"]) == (
        *("cancelled", 7),
        ["width=3"],
    )
    assert job.options["tries"] == ["dropout=0.5"]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>".replace("/", ""), "{{ 7919 * 7907 }}", '"x']
)
def test_a_name_is_never_code(empty: Service, name: str) -> None:
    client = client_of(empty)
    client.post("/api/v1/studies", json={"case": "tiny", "name": name})
    for path in ("/tuner/", client.post, "/tuner/acts"):
        if isinstance(path, str):
            text = client.get(path).text
            assert "<script>alert" not in text
            assert "62615533" not in text


def test_a_study_that_was_tested_shows_its_verdict(service: Service, client: TestClient) -> None:
    entry = service.browser.summaries.entries()["tiny"]
    told = f"{entry.verdict}. By test accuracy, the best has {100 * (entry.best or 0):.2f} %"
    assert told in client.get("/tuner/studies/tiny").text
    study = optuna.load_study(study_name="tiny", storage=service.storage)
    study.set_user_attr(CONFIRMATION, None)
    service.browser.forget()
    assert "Verdict" not in client.get("/tuner/studies/tiny").text


def test_the_report_stands_in_a_frame_without_scripts(client: TestClient) -> None:
    text = client.get("/tuner/studies/tiny/report").text
    assert 'sandbox src="/tuner/studies/tiny/reports/report.html"' in text
    assert client.get("/tuner/studies/tiny/reports/report.html").status_code == 200


def test_a_study_without_a_report_says_so(service: Service, client: TestClient) -> None:
    shutil.rmtree(service.workplace.report("tiny"))
    assert "There is no report yet" in client.get("/tuner/studies/tiny/report").text


def test_a_child_study_goes_on_with_another_space(service: Service) -> None:
    client = client_of(service)
    client.post("/api/v1/studies", json={"case": "tiny", "trials": 20, "seeds": 3})
    page = "/tuner/studies/tiny"
    fields = {"form_key": form_key(client, page), "name": "narrow", "fix": "width=4 dropout=0.25"}
    assert "Change the search space" in client.get(page).text
    wrong = client.post(f"{page}/child", data={**fields, "fix": "width=99"})
    assert "--fix width=99 is out of range" in wrong.text
    taken = client.post(f"{page}/child", data={**fields, "name": "tiny"})
    assert "choose another name for the new one" in taken.text
    assert [job.state for job in service.queue.all()] == ["queued"]
    answer = client.post(f"{page}/child", data=fields)
    assert answer.headers["location"] == "/tuner/studies/narrow"
    child, parent = service.queue.all()
    assert (child.study, child.state, parent.state) == ("narrow", "queued", "cancelled")
    assert child.options["parent"] == "tiny"
    assert child.options["fix"] == ["width=4", "dropout=0.25"]
    assert (child.options["trials"], child.options["seeds"]) == (20, 3)
    assert "begins with the finished trials of" in client.get("/tuner/studies/narrow").text


def test_a_cell_of_a_table_is_written_as_it_is_read() -> None:
    written = [csv_cell(one) for one in ("size, cm", 'a "b"', "price")]
    assert written == ['"size, cm"', '"a ""b"""', "price"]


def test_a_model_that_is_being_made_can_be_cancelled(service: Service) -> None:
    client = client_of(service)
    study = "/tuner/studies/tiny"
    fields = {"form_key": form_key(client, study), "arm": "best", "models": "1"}
    assert client.post(f"{study}/models", data=fields).status_code == 303
    for path in ("/tuner/models", study):
        assert f'action="{study}/cancel"' in client.get(path).text
    again = client.post(f"{study}/models", data=fields, headers=came_from(study))
    assert "wait for its end or cancel it" in again.text
    assert f'<a href="{study}">Back</a>' in again.text
    assert client.post(f"{study}/cancel", data=fields).status_code == 303
    assert [job.state for job in service.queue.all()] == ["cancelled"]
    assert f'action="{study}/cancel"' not in client.get("/tuner/models").text


def test_the_changes_of_the_best_are_measured(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "why_no_changes", lambda _arms: None)  # the baseline is best
    client = client_of(service)
    study = "/tuner/studies/tiny"
    fields = {"form_key": form_key(client, study), "seeds": "3", "minutes": "2"}
    wrong = client.post(f"{study}/ablation", data={**fields, "minutes": "0"})
    assert "minutes: got" in wrong.text
    assert f'action="{study}/ablation"' in client.get(study).text
    assert client.post(f"{study}/ablation", data=fields).status_code == 303
    (job,) = service.queue.all()
    assert (job.kind, job.options) == ("ablate", {"seeds": 3, "budget": 120})
    text = client.get(study).text
    assert "measuring the changes of" in text
    assert f'action="{study}/ablation"' not in text
    assert "measuring the changes" in client.get("/tuner/machine").text
    assert "measuring the changes" not in client.get("/tuner/models").text
    assert client.post(f"{study}/cancel", data=fields).status_code == 303
    assert f'action="{study}/ablation"' in client.get(study).text


def test_a_model_with_only_some_changes_is_asked_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes_of(_service: Service, _name: str) -> list[str]:
        return ["width", "dropout", "epochs"]

    monkeypatch.setattr(changes, "changes_of", changes_of)
    client = client_of(service)
    study = "/tuner/studies/tiny"
    fields = {"form_key": form_key(client, study)}
    wrong = client.post(f"{study}/models", data={**fields, "only": "width, depth"}).text
    assert "is not a change of the best; it changes width, dropout, epochs" in wrong
    wrong = client.post(f"{study}/models", data={**fields, "only": "width", "arm": "recipe"}).text
    assert "only the best has changes to choose from" in wrong
    asked = client.post(f"{study}/models", data={**fields, "only": "width, epochs"})
    assert asked.status_code == 303
    (job,) = service.queue.all()
    assert command_of(job, service.workplace, service.shelf, 1)[-4:] == [
        *("--only=width,epochs", "--models=1", "--", "tiny")
    ]
    assert "with only width, epochs" in client.get(study).text
    assert service.acts.newest()[0].what == "retrain with only width, epochs"


def test_where_the_baseline_is_best_there_is_no_change_to_measure(service: Service) -> None:
    client = client_of(service)
    fields = {"form_key": form_key(client, "/tuner/studies/tiny"), "seeds": "3"}
    told = client.post("/tuner/studies/tiny/ablation", data=fields).text
    assert "has no change to measure: its best is the baseline" in told
    assert service.queue.all() == []


def came_from(path: str) -> dict[str, str]:
    """Return the header by which a browser names the page of a form."""
    return {"Referer": f"http://localhost:8080{path}"}


def test_what_is_done_waits_for_nothing(service: Service) -> None:
    client = client_of(service)
    client.post("/api/v1/studies", json={"case": "tiny", "trials": 20})
    guess = {"width": 4, "dropout": 0.0}
    optuna.load_study(study_name="tiny", storage=service.storage).enqueue_trial(guess)
    assert "1 waiting" in client.get("/tuner/studies/tiny").text
    job = service.queue.claim("a service")
    assert job is not None
    service.queue.end(job.id, "a service", "done", "")
    service.browser.forget()
    assert "waiting" not in client.get("/tuner/studies/tiny").text
