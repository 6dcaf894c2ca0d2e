"""Order among studies and on the disk, by the API and by Python."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import optuna
import pytest

from tests.serve.making import client_of, form_key, listening
from tuner.client import Client
from tuner.commands.clean import main as clean
from tuner.commands.delete import main as delete
from tuner.errors import ServiceError
from tuner.runs.folder.belongings import belongings_of
from tuner.serve.actions import begin_child, submit
from tuner.serve.jobs.job_command import command_of
from tuner.serve.shelf.cases import Shelf

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.serve.service import Service

V1 = "/api/v1"


def old_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(3000))
    long_ago = time.time() - 40 * 86_400
    os.utime(path, (long_ago, long_ago))
    return path


def test_tags_and_the_archive_filter_the_list(service: Service) -> None:
    with listening(service) as url:
        client = Client(url)
        assert client.tag("tiny", "late", " ours ", "late") == ["late", "ours"]
        assert [one["tags"] for one in client.studies(tag="ours")] == [["late", "ours"]]
        assert client.studies(tag="others") == []
        client.archive("tiny")
        assert client.studies() == []
        assert [one["archived"] for one in client.studies(archived=True)] == [True]
        client.unarchive("tiny")
        assert [one["name"] for one in client.studies()] == ["tiny"]
        assert client.tag("tiny") == []


def test_a_deletion_is_planned_then_done(service: Service) -> None:
    place = service.workplace
    with listening(service) as url:
        client = Client(url)
        planned = client.plan_deletion("tiny")
        assert (planned["study"], planned["trials"], planned["aliases"]) == ("tiny", 5, [])
        assert planned["bytes"] >= service.room.of_study("tiny") > 0  # plus files of the dashboard
        assert all((place.root / path).exists() for path in planned["paths"])
        assert client.jobs() == [], "looking deletes nothing"
        job = client.delete("tiny")
        assert (job["kind"], job["options"]["bytes"]) == ("delete", planned["bytes"])
        with pytest.raises(ServiceError, match="for study 'tiny'; wait for its end or cancel it"):
            client.delete("tiny")
    name, *words = command_of(service.queue.all()[0], place, Shelf(), None)
    assert (name, delete(words)) == ("delete", 0)
    assert not any((place.root / path).exists() for path in planned["paths"])


def test_a_study_that_is_deleted_while_it_is_read_is_not_found(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*given: object) -> object:
        optuna.delete_study(study_name="tiny", storage=service.storage)
        return belongings_of(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("tuner.runs.folder.deletion.belongings_of", late)
    answer = client_of(service).get(f"{V1}/studies/tiny/deletion")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "study 'tiny' has been deleted in the meantime",
    )


def test_another_error_of_the_service_stays_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        nothing: dict[str, object] = {}
        return nothing["a fault of our own"]

    monkeypatch.setattr("tuner.runs.folder.deletion.belongings_of", broken)
    with pytest.raises(KeyError, match="a fault of our own"):
        client_of(service).get(f"{V1}/studies/tiny/deletion")


@pytest.mark.slow
def test_a_study_that_was_deleted_is_gone(service: Service) -> None:
    """Nobody can get it back by its job, which remains in the list of jobs."""
    queue = service.queue
    with listening(service) as url:
        client = Client(url)
        number = client.submit("tiny", trials=5)["id"]
        queue.claim("a service")
        queue.end(number, "a service", "done", "")
        client.delete("tiny")
        for act in (client.resume, lambda name: client.extend(name, 9)):
            with pytest.raises(ServiceError, match="is queued for study 'tiny'; wait for its end"):
                act("tiny")
        deletion = queue.claim("a service")
        assert deletion is not None
        assert delete(command_of(deletion, service.workplace, Shelf(), None)[1:]) == 0
        queue.end(deletion.id, "a service", "done", "")
        service.browser.forget()
        assert client.studies() == []
        assert {one["state"] for one in client.jobs()} == {"done"}
        for ask in (client.study, client.resume, lambda name: client.extend(name, 9)):
            with pytest.raises(ServiceError, match="no study 'tiny'"):
                ask("tiny")
        assert client.submit("tiny", trials=5)["state"] == "queued"


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
def test_a_clean_up_is_shown_then_done(service: Service, named: bool) -> None:
    old, new = (service.workplace.cache / name for name in ("nobodys", "younger"))
    old_file(old)
    new.write_bytes(bytes(10))
    with listening(service) as url:
        client = Client(url)
        found = client.waste(30)
        assert (found["days"], found["bytes"], found["found"]) == (30, 3000, 1)
        assert [one["what"] for one in found["waste"]] == [str(old)]
        assert client.waste()["found"] == 2
        assert old.exists(), "looking removes nothing"
        job = client.clean(30, [str(old), "/etc/passwd"] if named else None)
        assert job["options"] == {"age": 30, "bytes": 3000, "what": [str(old)] if named else None}
        assert "remove" in client_of(service).get(f"{V1}/acts").json()["acts"][0]["what"]
    _, *words = command_of(service.queue.all()[0], service.workplace, Shelf(), None)
    assert clean(words) == 0
    assert (old.exists(), new.exists()) == (False, True)


def test_what_an_admin_sets_is_read_and_shown(service: Service) -> None:
    with listening(service) as url:
        client = Client(url)
        assert client.upkeep() == {"every": 0, "older_than": 30, "budget": 0}
        wanted = {"every": 7, "older_than": 9, "budget": 5}
        assert client.set_upkeep(**wanted) == client.upkeep() == wanted
        machine = client.machine()
        assert (machine["workers"], machine["taken"], machine["running"]) == (1, 0, [])
        assert machine["disk"]["total"] > machine["disk"]["free"] > 0
        assert machine["studies"] == {"tiny": service.room.of_study("tiny")}
        client.submit("tiny", name="waits", budget=90)
        assert [one["study"] for one in client.machine()["waiting"]] == ["waits"]


def test_a_child_and_a_priority_from_python(empty: Service) -> None:
    with listening(empty) as url:
        client = Client(url)
        client.submit("tiny", name="old", key="a key", budget=600, fix=["width=3"])
        client.extend("old", 60)
        assert client.prioritise("old", "high")["priority"] == 1, "the owner is an admin"
        job = client.begin_child("old", "new", ["width=4"])
        assert job["options"]["parent"] == "old"
        assert (job["options"]["fix"], job["options"]["budget"]) == (["width=4"], 600)
        assert job["options"]["trials"] == 60
        assert job["priority"] == 1
        states = {one["study"]: one["state"] for one in client.jobs()}
        assert states == {"old": "cancelled", "new": "queued"}
        with pytest.raises(ServiceError, match="for study 'new'; change or cancel that job"):
            client.begin_child("old", "new")


def test_children_that_begin_at_the_same_moment_are_all_told_so(empty: Service) -> None:
    submit(empty, "ann", {"case": "tiny", "name": "old", "trials": 3})
    names = [f"child {number}" for number in range(6)]
    ready = Barrier(len(names))

    def begin(name: str) -> str:
        ready.wait()
        return begin_child(empty, "ann", "old", name, ["width=4"]).study

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(begin, names)) == names
    states = {one.study: one.state for one in empty.queue.all()}
    assert states == {"old": "cancelled"} | dict.fromkeys(names, "queued")


def test_the_page_begins_a_child_of_a_study_with_a_budget(empty: Service) -> None:
    client = client_of(empty)
    client.post(f"{V1}/studies", json={"case": "tiny", "name": "old", "budget": 600})
    key = form_key(client, "/tuner/studies/old")
    fields = {"form_key": key, "name": "new", "fix": "width=3"}
    assert client.post("/tuner/studies/old/child", data=fields).status_code == 303
    assert empty.queue.all()[0].options["budget"] == 600


@pytest.mark.parametrize(
    ("role", "path", "body", "status"),
    [
        ("operator", "studies/waits/priority", {"priority": "high"}, 400),
        ("operator", "studies/waits/priority", {"priority": "low"}, 200),
        ("operator", "studies/tiny/deletion", {}, 403),
        ("operator", "machine/clean", {}, 403),
        ("operator", "studies/tiny/archive", {}, 200),
        ("viewer", "studies/tiny/tags", {"tags": []}, 403),
    ],
)
def test_each_act_asks_for_its_role(
    service: Service, client: TestClient, role: str, path: str, body: dict[str, object], status: int
) -> None:
    client.post(f"{V1}/studies", json={"case": "tiny", "name": "waits"})
    who = client_of(service, service.tokens.create("ann", role))
    assert who.post(f"{V1}/{path}", json=body).status_code == status


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("studies/tiny/tags", {"tags": "a"}, "tags: got 'a'; it takes a list of at most 20 texts"),
        ("studies/tiny/tags", {"tags": ["a,b"]}, "and no comma"),
        ("studies/tiny/tags", {}, "the body has no 'tags'"),
        ("studies/none/archive", {}, "no study 'none'"),
        ("studies/tiny/children", {"name": "x"}, "run from a command line"),
        ("studies/none/deletion", {}, "no study 'none'"),
        ("machine/clean", {"days": -1}, "days: got -1; it takes a whole number, 0 to"),
        ("machine/clean", {"what": ["/etc/passwd"]}, "there is nothing to remove"),
        ("machine/upkeep", {"every": 1}, "the body has no 'older_than'"),
    ],
)
def test_what_cannot_be_done_is_explained(
    client: TestClient, path: str, body: dict[str, object], said: str
) -> None:
    answer = client.post(f"{V1}/{path}", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
