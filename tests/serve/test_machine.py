"""The machine: disk, removable items, the order of jobs, and an admin's settings."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.serve.making import client_of, form_key
from tuner.commands.clean import main as clean
from tuner.errors import UsageError
from tuner.runs.folder.backup import back_up
from tuner.runs.folder.cleaning import find_waste, older_than
from tuner.serve.actions import submit
from tuner.serve.disk.room import Disk, Room
from tuner.serve.disk.upkeep import SECONDS_OF_A_DAY, Upkeep
from tuner.serve.jobs.job_command import command_of
from tuner.serve.jobs.logs import log_of
from tuner.serve.jobs.supervisor import Supervisor
from tuner.serve.shelf.cases import Shelf

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.serve.service import Service

MACHINE = "/tuner/machine"
OLD = time.time() - 40 * SECONDS_OF_A_DAY


def made_old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(3000))
    os.utime(path, (OLD, OLD))
    return path


@pytest.mark.parametrize(("free", "is_full"), [(49, True), (50, False), (1000, False)])
def test_a_disk_is_full_below_five_per_cent(free: int, is_full: bool) -> None:
    assert Disk(1000, free).is_full == is_full


def test_what_uses_the_disk_is_shown(service: Service, client: TestClient) -> None:
    usage = service.room.usage()
    assert usage.parts["database"] > 1000
    assert usage.parts["cached data"] > 0
    assert usage.studies == {"tiny": service.room.of_study("tiny")}
    text = client.get(MACHINE).text
    assert "Nothing runs." in text
    assert "Nothing waits." in text
    assert "of 1 workers are busy" in text


def test_what_may_go_is_shown_first_and_goes_as_one_job(
    service: Service, client: TestClient
) -> None:
    place = service.workplace
    old = made_old(place.cache / "nobodys")
    new = place.cache / "younger"
    new.write_bytes(bytes(10))
    page = f"{MACHINE}/waste?days=30"
    text = client.get(page).text
    assert "cache/nobodys" in text
    assert "cache/younger" not in text
    assert "cache/younger" in client.get(f"{MACHINE}/waste?days=0").text
    assert old.exists(), "looking removes nothing"
    fields = {"form_key": form_key(client, page), "days": "30", "what": [str(old), "/etc/passwd"]}
    assert client.post(f"{MACHINE}/clean", data=fields).status_code == 303
    (job,) = service.queue.all()
    assert job.options == {"age": 30, "bytes": 3000, "what": [str(old)]}
    again = client.post(f"{MACHINE}/clean", data=fields)
    assert "cleans up; wait until it ends" in again.text
    name, *words = command_of(job, place, Shelf(), None)
    assert name == "clean"
    assert clean(words) == 0
    assert not old.exists()
    assert new.exists()
    assert clean(words) == 0, "a job that was killed and starts again finds it gone"
    assert "2.9 KiB" in client.get(MACHINE).text


def test_nothing_that_was_not_found_is_removed(service: Service, client: TestClient) -> None:
    key = form_key(client, MACHINE)
    fields = {"form_key": key, "days": "0", "what": [str(service.workplace.root)]}
    answer = client.post(f"{MACHINE}/clean", data=fields)
    assert answer.status_code == 400
    assert "there is nothing to remove" in answer.text
    assert service.queue.all() == []


def test_a_clean_up_on_a_schedule_is_made_once_in_its_days(service: Service) -> None:
    now = [100 * SECONDS_OF_A_DAY + 5.0]
    old = made_old(service.workplace.cache / "nobodys")
    supervisors = [
        Supervisor(
            type(service.queue)(service.storage.engine, lambda: now[0]),
            service.workplace,
            service.shelf,
            1,
        )
        for _ in range(2)
    ]

    def look() -> int:
        for one in supervisors:
            one._looked_after = float("-inf")
            one._look_after()
        return len(service.queue.all())

    assert look() == 0, "nothing is scheduled"
    Upkeep(every=7, older_than=30).keep(service.storage.engine)
    assert (look(), look()) == (1, 1)
    (job,) = service.queue.all()
    assert (job.who, job.kind, job.options["bytes"], job.options["what"]) == (
        *("schedule", "clean", 3000),
        None,
    )
    service.queue.cancel(job.id)
    now[0] += 6 * SECONDS_OF_A_DAY
    assert look() == 2, "the next days have begun"
    service.queue.cancel(service.queue.all()[0].id)
    old.unlink()
    now[0] += 7 * SECONDS_OF_A_DAY
    assert look() == 2, "nothing is there to go"


def test_no_key_of_a_person_is_that_of_a_scheduled_clean_up(service: Service) -> None:
    """Somebody who guessed that key could prevent the clean-up."""
    made_old(service.workplace.cache / "nobodys")
    upkeep = Upkeep(every=7, older_than=30)
    upkeep.keep(service.storage.engine)
    for days in (0, 7):  # the present ones may end meanwhile
        key = upkeep.key(service.queue.clock() + days * SECONDS_OF_A_DAY)
        assert key is not None
        with pytest.raises(UsageError, match="the idempotency key takes 1 to"):
            submit(service, "ann", {"case": "tiny", "name": "first"}, key)
        submit(service, "ann", {"case": "tiny", "name": f"study {days}"}, key.strip())
    service.supervisor._looked_after = float("-inf")
    service.supervisor._look_after()
    assert [one.who for one in service.queue.chores()] == ["schedule"]


def test_an_admin_sets_the_upkeep(service: Service, client: TestClient) -> None:
    fields = {"form_key": form_key(client, MACHINE), "every": "7", "older_than": "9"}
    assert client.post(f"{MACHINE}/upkeep", data={**fields, "budget": "-1"}).status_code == 400
    assert Upkeep.of(service.storage.engine) == Upkeep()
    assert client.post(f"{MACHINE}/upkeep", data={**fields, "budget": "5"}).status_code == 303
    assert Upkeep.of(service.storage.engine) == Upkeep(every=7, older_than=9, budget=5)


def test_a_deletion_says_what_it_frees(service: Service, client: TestClient) -> None:
    page = "/tuner/studies/tiny/delete"
    text = client.get(page).text
    assert "It frees" in text
    assert "5 trials" in text
    assert client.post(page, data={"form_key": form_key(client, page)}).status_code == 303
    (job,) = service.queue.all()
    assert (job.kind, job.study) == ("delete", "tiny")
    assert job.options["bytes"] > 1000
    assert "deletion tiny" in client.get(MACHINE).text
    assert client.get("/tuner/studies/nothing/delete").status_code == 404


def test_priorities_are_for_operators_and_the_highest_for_admins(empty: Service) -> None:
    token = empty.tokens.create("ann", "operator")
    operator, admin = client_of(empty, token), client_of(empty, empty.tokens.create("bo", "admin"))
    for name in ("one", "two"):
        operator.post("/api/v1/studies", json={"case": "tiny", "name": name})
    path = "/tuner/studies/two/priority"

    def give(who: TestClient, priority: str) -> int:
        fields = {"form_key": form_key(who, MACHINE), "priority": priority}
        return who.post(path, data=fields).status_code

    assert [one.study for one in empty.queue.waiting()] == ["one", "two"]
    assert (give(operator, "high"), give(operator, "urgent")) == (400, 400)
    assert (give(admin, "high"), give(operator, "low")) == (303, 303)
    assert [one.study for one in empty.queue.waiting()] == ["one", "two"]
    assert give(admin, "high") == 303
    assert [one.study for one in empty.queue.waiting()] == ["two", "one"]


def test_what_jobs_print_is_backed_up_and_cleaned(service: Service, tmp_path: Path) -> None:
    place = service.workplace
    client = client_of(service)
    client.post("/api/v1/studies", json={"case": "tiny"})
    (job,) = service.queue.all()
    kept, gone = made_old(log_of(place, job.id)), made_old(log_of(place, 99))
    assert back_up(place, tmp_path / "backup.zip").files > 2
    found = {one.what for one in find_waste(place) if one.kind == "log"}
    assert found == {str(gone)}
    assert kept.exists()


def test_an_age_is_that_of_the_newest_file_in_a_folder(service: Service) -> None:
    folder = service.workplace.report("gone")
    made_old(folder / "report.md")
    os.utime(folder, (OLD, OLD))
    found = [one for one in find_waste(service.workplace) if one.kind == "folder"]
    assert older_than(found, 30) == found
    (folder / "report.json").write_text("{}", encoding="utf-8")
    assert older_than(found, 30) == []


def test_the_room_is_measured_where_nothing_is_yet(empty: Service, tmp_path: Path) -> None:
    room = Room(empty.workplace)
    assert room.disk().total > 0
    assert room.usage().studies == {}
