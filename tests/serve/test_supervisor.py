"""Jobs in real processes that die, are paused, and continue bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import make_url

from tests.disks import leave
from tests.disturbing import SLOW
from tests.forked import Job as ForkedJob
from tests.making import TINY, history
from tests.waiting import wait_until
from tuner.commands.study import main
from tuner.depot.use import files_to_move
from tuner.errors import StoreError, UsageError
from tuner.runs.folder.deletion import delete_study
from tuner.serve.disk.room import Disk, Room
from tuner.serve.disk.upkeep import MEBIBYTE, Upkeep
from tuner.serve.jobs.child import LATER, NO_ROOM
from tuner.serve.jobs.leases import LEASE
from tuner.serve.jobs.logs import log_of, tail_of
from tuner.serve.jobs.queue import MOST_STARTS, Queue
from tuner.serve.jobs.supervisor import Supervisor
from tuner.serve.orders.chores import delete_request
from tuner.serve.orders.requests import ablation_request, retrain_request, study_request
from tuner.serve.schema import prepare
from tuner.serve.shelf.cases import Shelf
from tuner.serve.web.connections import Server
from tuner.study.database.storage import open_storage
from tuner.study.schema import ABLATION
from tuner.study.store import load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.serve.jobs.process import Process
    from tuner.serve.tables import Job

pytestmark = pytest.mark.slow
SHELF = Shelf(Path(TINY).parent)
TRIALS = 6


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace.at(tmp_path / "home")


@pytest.fixture
def queue(workplace: Workplace) -> Queue:
    engine = open_storage(workplace.url, create=True).engine
    prepare(engine)
    return Queue(engine)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes of jobs be there at once: for tests that need no time of their imports."""
    there = SimpleNamespace(Popen=ForkedJob, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)
    monkeypatch.setattr("tuner.serve.jobs.process.subprocess", there)


def submit(queue: Queue, **options: object) -> int:
    asked = {"case": "tiny", "trials": TRIALS, "seeds": 2, **options}
    return queue.submit(study_request(asked, SHELF), "ann").id


def until(supervisor: Supervisor, number: int, good: Callable[[Job], bool]) -> Job:
    def look() -> Job | None:
        supervisor.look()
        job = supervisor.queue.get(number)
        return job if good(job) else None

    found = wait_until(look, lambda: supervisor.queue.get(number))
    assert found is not None
    return found


def ended(job: Job) -> bool:
    return job.state not in {"queued", "running"}


def process_of(supervisor: Supervisor) -> Process:
    (current,) = supervisor._running.values()
    return current.process


def kill(supervisor: Supervisor) -> None:
    os.kill(process_of(supervisor).pid, signal.SIGKILL)


def make_study(there: Workplace, case: str = TINY, seeds: int = 2) -> None:
    """Make the study in this process, where everything is already imported."""
    arguments = ["--trials", str(TRIALS), "--seeds", str(seeds), "--workers", "1"]
    assert main([case, *arguments, "--home", str(there.root)]) == 0


def reference(folder: Path, case: str = TINY) -> list[object]:
    there = Workplace.at(folder)
    make_study(there, case)
    return list(history(load_study(there.url, "tiny")))


@pytest.mark.usefixtures("forked")
def test_a_study_that_is_killed_and_abandoned_ends_as_if_it_had_not_been(
    queue: Queue, workplace: Workplace, tmp_path: Path
) -> None:
    number = submit(queue, case="slow", name="tiny")
    first = Supervisor(queue, workplace, SHELF, 1)
    until(first, number, lambda _: "[2/" in tail_of(log_of(workplace, number)))
    kill(first)
    until(first, number, lambda job: job.starts == 2)
    abandoned = process_of(first)
    abandoned.close()  # like the death of its service
    later = Queue(queue.engine, lambda: time.time() + 2 * LEASE)
    second = Supervisor(later, workplace, SHELF, 1)
    job = until(second, number, ended)
    assert job.state == "done", job.last_words
    abandoned.wait()
    undisturbed = reference(tmp_path / "other", SLOW)
    assert list(history(load_study(workplace.url, "tiny"))) == undisturbed
    assert workplace.report("tiny").is_dir()


def test_a_process_that_dies_each_time_fails_with_its_last_words(
    queue: Queue, workplace: Workplace
) -> None:
    number = submit(queue)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    for start in range(1, MOST_STARTS + 1):
        until(supervisor, number, lambda job, start=start: job.starts == start)  # type: ignore[misc]
        with log_of(workplace, number).open("a", encoding="utf-8") as log:
            log.write(f"last line {start}\n")
        kill(supervisor)
    job = until(supervisor, number, ended)
    assert job.state == "failed"
    assert f"last line {MOST_STARTS}" in job.last_words
    assert "lack of memory" in job.last_words
    assert supervisor.queue.resume(number).starts == 0


@pytest.mark.usefixtures("forked")
def test_a_command_that_says_what_is_wrong_is_not_started_again(
    queue: Queue, workplace: Workplace
) -> None:
    number = submit(queue, tries=["step_size=2"])  # has no effect, because step_lr is off
    job = until(Supervisor(queue, workplace, SHELF, 1), number, ended)
    assert job.state == "failed"
    assert "step_size would change nothing" in job.last_words


@pytest.mark.usefixtures("forked")
def test_what_is_in_the_way_for_a_moment_is_waited_for(
    queue: Queue, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.serve.jobs.supervisor.SECONDS_UNTIL_LATER", 0.0)
    number = submit(queue, seeds=0, trials=2)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    with files_to_move(workplace.root):
        job = until(supervisor, number, lambda job: "are being moved" in job.last_words)
        assert (job.state, job.starts) in {("queued", 0), ("running", 1)}
    assert until(supervisor, number, ended).state == "done"


@pytest.mark.usefixtures("forked")
def test_a_study_outlives_a_server_that_starts_again(
    postgres: str, workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.serve.jobs.supervisor.SECONDS_UNTIL_LATER", 0.0)
    workplace = Workplace(workplace.root, postgres)
    engine = open_storage(workplace.url, create=True).engine
    prepare(engine)
    supervisor = Supervisor(Queue(engine), workplace, SHELF, 1)
    number = submit(supervisor.queue, case="slow", name="tiny")
    until(supervisor, number, lambda _: "[2/" in tail_of(log_of(workplace, number)))
    process, database = process_of(supervisor), make_url(postgres)
    autocommit: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "poolclass": NullPool}
    others = create_engine(database.set(database="postgres"), **autocommit)
    allow = f"ALTER DATABASE {database.database} ALLOW_CONNECTIONS"
    drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
    with others.connect() as connection:
        for one in (f"{allow} false", f"{drop}'{database.database}'"):
            connection.execute(text(one))
        assert process.wait() == LATER
        with pytest.raises(StoreError):
            supervisor.look()
        connection.execute(text(f"{allow} true"))
    job = until(supervisor, number, ended)
    assert job.state == "done", job.last_words
    assert "starts again in a moment" in log_of(workplace, number).read_text(encoding="utf-8")
    assert list(history(load_study(workplace.url, "tiny"))) == reference(tmp_path / "other", SLOW)


@pytest.mark.usefixtures("forked")
def test_pause_resume_a_larger_total_and_a_try(queue: Queue, workplace: Workplace) -> None:
    number = submit(queue, case="slow", name="tiny", seeds=0)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    until(supervisor, number, lambda job: job.state == "running")
    queue.pause(number)
    assert until(supervisor, number, ended).state == "paused"
    queue.change(number, lambda _: {"trials": TRIALS + 2, "tries": ["width=3"]})
    queue.resume(number)
    assert until(supervisor, number, ended).state == "done"
    trials = load_study(workplace.url, "tiny").get_trials()
    assert sum(trial.state.is_finished() for trial in trials) == TRIALS + 2
    assert [trial.user_attrs["tried"] for trial in trials if "tried" in trial.user_attrs] == [
        {"width": 3}
    ]
    model = queue.submit(retrain_request("tiny", SLOW, "best", SHELF), "ann").id
    job = until(supervisor, model, ended)
    assert job.state == "done", job.last_words
    assert [path.name for path in workplace.bundles("tiny").iterdir()]
    model = queue.submit(retrain_request("tiny", SLOW, "best", SHELF, 2), "ann").id
    job = until(supervisor, model, ended)
    assert job.state == "done", job.last_words
    assert list(workplace.bundles("tiny").glob("best-2-models-seed-*"))


@pytest.mark.usefixtures("forked")
def test_which_change_made_the_difference_is_measured_and_reported(
    queue: Queue, workplace: Workplace
) -> None:
    number = submit(queue, seeds=0, trials=10)
    supervisor = Supervisor(queue, workplace, SHELF, 2)
    assert until(supervisor, number, ended).state == "done"
    asked = queue.submit(ablation_request("tiny", TINY, SHELF, 2, None), "ann")
    with pytest.raises(UsageError, match="wait for its end or cancel it"):
        queue.submit(retrain_request("tiny", TINY, "best", SHELF), "ann")
    job = until(supervisor, asked.id, ended)
    assert (job.state, job.slots) == ("done", 2), job.last_words
    found = load_study(workplace.url, "tiny").user_attrs[ABLATION]
    assert (found["rounds"], found["complete"]) == (2, True)
    report = (workplace.report("tiny") / "report.md").read_text(encoding="utf-8")
    assert "Which change made the difference?" in report


@pytest.mark.usefixtures("forked")
def test_two_studies_share_the_workers_and_end_as_they_would_alone(
    queue: Queue, workplace: Workplace, tmp_path: Path
) -> None:
    numbers = [submit(queue, name=name) for name in ("tiny", "other")]
    supervisor = Supervisor(queue, workplace, SHELF, 2)
    until(supervisor, numbers[1], lambda job: job.state == "running")
    assert [job.slots for job in queue.at_work()] == [1, 1]
    for number in numbers:
        job = until(supervisor, number, ended)
        assert job.state == "done", job.last_words
    found = [history(load_study(workplace.url, name)) for name in ("tiny", "other")]
    assert found[0] == found[1] == reference(tmp_path / "other")


def test_a_full_disk_stops_a_study_until_there_is_room(queue: Queue, workplace: Workplace) -> None:
    free = [100]
    room = Room(workplace, lambda _: Disk(1000, free[0]))
    supervisor = Supervisor(queue, workplace, SHELF, 1, room)
    number = submit(queue, seeds=0)
    until(supervisor, number, lambda job: job.state == "running")
    free[0] = 49
    until(supervisor, number, lambda job: job.state == "queued")
    assert "Less than 5 % of the disk is free" in tail_of(log_of(workplace, number))
    supervisor.look()
    assert queue.get(number).state == "queued"
    free[0] = 100
    assert until(supervisor, number, ended).state == "done"


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("asked", [False, True], ids=["by itself", "asked to make way"])
def test_a_process_that_ends_on_a_full_disk_starts_again_once_there_is_room(
    queue: Queue, workplace: Workplace, asked: bool
) -> None:
    free = [100]
    supervisor = Supervisor(
        queue, workplace, SHELF, 1, Room(workplace, lambda _: Disk(1000, free[0]))
    )
    number = submit(queue, tries=["step_size=2"])  # it ends with the status for a refusal
    until(supervisor, number, lambda job: job.starts == 1)
    process_of(supervisor).wait()
    if asked:
        queue.ask_again(number, supervisor.owner)
    free[0] = 49
    supervisor.look()
    job = queue.get(number)
    assert (job.state, job.starts) == ("queued", 0)
    assert "it continues by itself once there is room" in " ".join(job.last_words.split())
    free[0] = 100
    assert until(supervisor, number, ended).state == "failed", "it was not the disk"


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
def test_a_study_that_meets_a_full_disk_ends_well(small_disk: Path, seen: bool) -> None:
    """If it needs more than 5 % of the disk, the usual limit on starts applies."""
    workplace = Workplace.at(small_disk / "home")
    engine = open_storage(workplace.url, create=True).engine
    prepare(engine)
    queue = Queue(engine)
    room = Room(workplace) if seen else Room(workplace, lambda _: Disk(1000, 1000))
    supervisor = Supervisor(queue, workplace, SHELF, 1, room)
    number = submit(queue, case="slow", name="tiny", trials=20)
    until(supervisor, number, lambda _: "[2/" in tail_of(log_of(workplace, number)))
    process = process_of(supervisor)
    with suppress(OSError):  # others fill the disk, too
        leave(small_disk, 0)
    if seen:
        process.wait()
        with suppress(StoreError):  # the service's own tables are on that disk
            supervisor.look()
    else:
        assert process.wait() == NO_ROOM
    leave(small_disk, 10 * MEBIBYTE)
    job = until(supervisor, number, ended)
    assert job.state == "done", job.last_words
    engine.dispose()


def test_a_study_over_its_budget_is_paused(queue: Queue, workplace: Workplace) -> None:
    Upkeep(budget=1).keep(queue.engine)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    number = submit(queue, seeds=0)
    until(supervisor, number, lambda job: job.state == "running")
    folder = workplace.bundles("tiny") / "large"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(bytes(3 * MEBIBYTE))
    supervisor._looked_after = 0
    job = until(supervisor, number, ended)
    assert job.state == "paused"
    assert "its files have 3 MiB, and its budget is 1 MiB" in job.last_words


def test_a_deletion_is_a_job_that_can_be_killed(queue: Queue, workplace: Workplace) -> None:
    make_study(workplace, seeds=0)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    request = delete_request(workplace, "tiny", "tiny")
    assert request.options["bytes"] > 1000
    number = queue.submit(request, "ann").id
    until(supervisor, number, lambda job: job.state == "running")
    kill(supervisor)
    job = until(supervisor, number, ended)
    assert job.state == "done", job.last_words
    assert not workplace.report("tiny").exists()
    assert open_storage(workplace.url, create=False).get_all_studies() == []


@pytest.mark.usefixtures("forked")
def test_a_deletion_that_has_nothing_left_to_do_is_done(queue: Queue, workplace: Workplace) -> None:
    make_study(workplace, seeds=0)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    number = queue.submit(delete_request(workplace, "tiny", "tiny"), "ann").id
    delete_study(workplace, "tiny")  # by the process, which was killed before it reported this
    assert until(supervisor, number, ended).state == "done"
    assert [job.state for job in queue.all()] == ["done"]


@pytest.mark.usefixtures("forked")
def test_a_retraining_is_no_study_to_be_paused(queue: Queue, workplace: Workplace) -> None:
    """If its process is stopped, the job fails: a paused one could not be resumed."""
    number = submit(queue, seeds=0, trials=2)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    assert until(supervisor, number, ended).state == "done"
    Upkeep(budget=1).keep(queue.engine)
    folder = workplace.bundles("tiny") / "large"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(bytes(3 * MEBIBYTE))
    model = queue.submit(retrain_request("tiny", TINY, "best", SHELF), "ann").id
    until(supervisor, model, lambda job: job.state == "running")
    supervisor._looked_after = 0
    supervisor.look()
    assert queue.get(model).wish == ""
    os.kill(process_of(supervisor).pid, signal.SIGTERM)
    assert until(supervisor, model, ended).state in {"failed", "done"}


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_a_clock_that_is_set_leaves_a_service_its_jobs(
    queue: Queue, workplace: Workplace, seconds: float
) -> None:
    clock_is_off = [0.0]
    queue = Queue(queue.engine, lambda: time.time() + clock_is_off[0])
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    number = submit(queue, seeds=0)
    until(supervisor, number, lambda job: job.state == "running")
    process = process_of(supervisor)
    clock_is_off[0] = seconds
    supervisor.look()
    assert process_of(supervisor) is process
    job = until(supervisor, number, ended)
    assert (job.state, process.status()) == ("done", 0), job.last_words


def test_what_was_asked_for_holds_when_the_service_ends(queue: Queue, workplace: Workplace) -> None:
    number = submit(queue, seeds=0)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    until(supervisor, number, lambda job: job.state == "running")
    queue.cancel(number)
    supervisor.close()
    assert queue.get(number).state == "cancelled"


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be halted there")
def test_a_process_that_does_not_stop_is_named_and_a_second_signal_kills_it(
    queue: Queue, workplace: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    number = submit(queue, seeds=0)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    server = Server(uvicorn.Config("nothing"), threading.Event(), supervisor.hurry)
    until(supervisor, number, lambda job: job.state == "running")
    process = process_of(supervisor)
    os.killpg(process.pid, signal.SIGSTOP)
    for _ in range(2):
        server.handle_exit(signal.SIGINT, None)
    supervisor.close()
    assert f"waits up to 60 seconds for job {number} (tiny) to stop" in caplog.text
    assert process.status() == -signal.SIGKILL
    assert queue.get(number).state == "queued"


@pytest.mark.usefixtures("forked")
def test_it_outlives_what_it_does_not_expect(
    queue: Queue,
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("what nobody has thought of")

    number = submit(queue, seeds=0, trials=2)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    with monkeypatch.context() as patch:
        patch.setattr("tuner.serve.jobs.supervisor.Process", broken)
        supervisor.look()
        assert (queue.get(number).state, queue.at_work()) == ("queued", [])
    with monkeypatch.context() as patch:
        patch.setattr(Supervisor, "_look_after", broken)
        supervisor.start()
        wait_until(lambda: "what nobody has thought of" in caplog.text)
        assert supervisor.is_well
        wait_until(lambda: ended(queue.get(number)))
        assert queue.get(number).state == "done"
    supervisor.close()
