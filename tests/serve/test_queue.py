from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect, text

from tuner.errors import StoreError, UsageError
from tuner.serve.jobs.job_command import command_of
from tuner.serve.jobs.leases import LEASE
from tuner.serve.jobs.queue import Queue
from tuner.serve.orders.requests import Request, study_request
from tuner.serve.schema import prepare
from tuner.serve.shelf.cases import Shelf
from tuner.serve.shelf.data import DataShelf
from tuner.serve.studies.tidying import Tidying
from tuner.study.database.storage import open_storage, refuse_another_database
from tuner.study.service_tables import forget_rows, rename_rows
from tuner.workplace import Workplace, database_file

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


REQUEST = study_request({"case": "housing", "trials": 3}, Shelf())


@pytest.fixture
def engine(url: str) -> Engine:
    made = open_storage(url, create=True).engine
    prepare(made)
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(engine: Engine, clock: Clock) -> Queue:
    return Queue(engine, clock)


def test_the_tables_stand_beside_optunas_and_are_made_once(engine: Engine, url: str) -> None:
    prepare(engine)
    names = set(inspect(engine).get_table_names())
    assert {"tuner_jobs", "tuner_version", "studies", "alembic_version"} <= names
    file = database_file(url)
    if file is not None:
        refuse_another_database(file)
    assert open_storage(url, create=False).get_all_studies() == []


def test_tables_of_a_newer_version_are_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE tuner_migrations SET version_num = '9999'"))
    with pytest.raises(StoreError, match="use the version of tuner that made them"):
        prepare(engine)


def test_the_oldest_job_is_claimed_by_one(queue: Queue) -> None:
    first = queue.submit(REQUEST, "ann")
    second = queue.submit(replace(REQUEST, study="other"), "bob")
    one, two, none = (queue.claim(owner) for owner in ("a", "b", "c"))
    assert one is not None
    assert two is not None
    assert (one.id, two.id, none) == (first.id, second.id, None)
    assert queue.beat(first.id, "a") == ""
    assert queue.beat(first.id, "b") is None


def test_the_same_key_is_the_same_job(queue: Queue) -> None:
    first = queue.submit(REQUEST, "ann", "key")
    assert queue.submit(REQUEST, "ann", "key").id == first.id
    with pytest.raises(UsageError, match="which is another request"):
        queue.submit(replace(REQUEST, study="other"), "ann", "key")


def test_a_key_stands_for_what_was_submitted(queue: Queue) -> None:
    """Not for other options, and not for options of the job that were changed since."""
    first = queue.submit(REQUEST, "ann", "key")
    longer = replace(REQUEST, options={**REQUEST.options, "trials": 9})
    limited = replace(REQUEST, options={**REQUEST.options, "budget": 60})
    for _ in range(2):
        for other in (longer, limited):
            with pytest.raises(UsageError, match="which is another request"):
                queue.submit(other, "ann", "key")
        assert queue.submit(REQUEST, "ann", "key").id == first.id
        queue.change(first.id, lambda options: {"trials": options["trials"] + 6})
    queue.cancel(first.id)
    with queue.engine.begin() as connection:
        forget_rows(connection, "housing")
    assert queue.submit(REQUEST, "ann", "key").id == first.id


def test_a_study_has_one_open_job(queue: Queue) -> None:
    job = queue.submit(REQUEST, "ann")
    with pytest.raises(UsageError, match=f"job {job.id} is queued for study 'housing'"):
        queue.submit(REQUEST, "ann")
    queue.cancel(job.id)
    assert queue.submit(REQUEST, "ann").id != job.id


@pytest.mark.slow
@pytest.mark.parametrize("key", ["a key", None])
def test_submissions_at_the_same_moment_make_one_job(engine: Engine, key: str | None) -> None:
    both = Barrier(2)

    def meet() -> float:
        """Make both create their job at once, unless one has to wait for the other."""
        with suppress(BrokenBarrierError):
            both.wait(1)
        return 1000.0

    def submit(who: str) -> int | None:
        with suppress(UsageError):
            return Queue(engine, meet).submit(REQUEST, who, key).id
        return None

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(submit, ["ann", "bob"]))
    (job,) = Queue(engine).all()
    assert found.count(job.id) == (1 if key is None else 2)
    assert found.count(None) == (1 if key is None else 0)


@pytest.mark.parametrize(
    ("wish", "state"), [("", "queued"), ("pause", "paused"), ("cancel", "cancelled")]
)
def test_a_job_whose_service_died_is_as_was_wished(
    queue: Queue, clock: Clock, wish: str, state: str
) -> None:
    number = queue.submit(REQUEST, "ann").id
    for _ in range(10):  # however often
        queue.claim("gone")
        queue.started(number)
        if wish:
            {"pause": queue.pause, "cancel": queue.cancel}[wish](number)
        clock.now += LEASE / 2
        assert queue.recover() == []
        clock.now += LEASE
        assert queue.recover() == [number]
        assert queue.get(number).state == state
        assert queue.get(number).starts == 0
        if wish:
            queue.resume(number)


def test_a_beat_keeps_a_lease(queue: Queue, clock: Clock) -> None:
    number = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    for _ in range(5):
        clock.now += LEASE * 0.9
        assert queue.beat(number, "a") == ""
    assert queue.recover() == []


@pytest.mark.parametrize("seconds", [3 * LEASE, 3600.0])
def test_a_job_is_held_no_longer_where_the_clock_is_set_back(
    queue: Queue, clock: Clock, seconds: float
) -> None:
    number = queue.submit(REQUEST, "ann").id
    clock.now += seconds
    queue.claim("gone")
    clock.now -= seconds
    assert queue.recover() == [number]
    assert queue.get(number).state == "queued"


def test_a_beat_keeps_a_lease_where_the_clock_is_set_back(queue: Queue, clock: Clock) -> None:
    number = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    for _ in range(3):
        clock.now -= 3600
        assert queue.beat(number, "a") == ""
        assert queue.get(number).lease == clock.now + LEASE
        assert queue.recover() == []
    clock.now += LEASE + 1
    assert queue.recover() == [number]


def test_services_whose_clocks_differ_by_a_lease_leave_each_other_their_jobs(
    queue: Queue, engine: Engine, clock: Clock
) -> None:
    number = queue.submit(REQUEST, "ann").id
    other = Queue(engine, Clock(clock.now - LEASE))
    queue.claim("a")
    assert other.recover() == []
    assert queue.beat(number, "a") == ""


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_what_has_ended_can_be_resumed_and_not_paused(queue: Queue, state: str) -> None:
    number = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    queue.end(number, "a", state, "last words")  # type: ignore[arg-type]
    assert queue.get(number).last_words == "last words"
    with pytest.raises(UsageError, match=f"is {state}; only a job that is"):
        queue.pause(number)
    assert queue.resume(number).state == "queued"


def test_a_change_restarts_what_runs_and_queues_what_is_done(queue: Queue) -> None:
    number = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    assert queue.change(number, lambda _: {"trials": 9}).wish == "restart"
    assert queue.beat(number, "a") == "restart"
    queue.end(number, "a", "done", "")
    again = queue.change(number, lambda _: {"trials": 12})
    assert (again.state, again.options["trials"]) == ("queued", 12)
    assert queue.pause(number).state == "paused"
    assert queue.change(number, lambda _: {"trials": 13}).state == "paused"


def test_what_is_changed_in_the_last_moment_is_still_done(queue: Queue) -> None:
    number = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    queue.change(number, lambda _: {"trials": 9})
    queue.end(number, "a", "done", "its process ended before it was asked to")
    job = queue.get(number)
    assert (job.state, job.wish, job.ended, job.options["trials"]) == ("queued", "", None, 9)
    queue.claim("a")
    queue.end(number, "a", "done", "")
    assert (queue.get(number).state, queue.get(number).ended) == ("done", 1000.0)


@pytest.mark.parametrize(("act", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_a_change_takes_no_wish_away(queue: Queue, act: str, state: str) -> None:
    number = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    getattr(queue, act)(number)
    assert queue.change(number, lambda _: {"trials": 9}).wish == act
    queue.end(number, "a", state, "")  # type: ignore[arg-type]
    assert (queue.get(number).state, queue.get(number).options["trials"]) == (state, 9)


def test_changes_at_the_same_moment_are_all_kept(queue: Queue) -> None:
    number = queue.submit(REQUEST, "ann").id
    names = [f"depth={place}" for place in range(8)]

    def add(name: str) -> None:
        queue.change(number, lambda options: {"tries": [*options["tries"], name]})

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(add, names))
    assert sorted(queue.get(number).options["tries"]) == names


def test_what_is_at_hand_is_what_is_at_work_else_the_search(queue: Queue) -> None:
    search = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    queue.end(search, "a", "done", "")
    model = queue.submit(Request("retrain", "housing", "housing", {"arm": "best"}), "ann").id
    found = queue.at_hand("housing")
    assert found is not None
    assert found.id == model
    queue.cancel(model)
    found = queue.at_hand("housing")
    assert found is not None
    assert found.id == search
    assert queue.at_hand("another") is None


@pytest.mark.parametrize("known", [True, False], ids=["with a service", "without"])
def test_a_study_takes_its_rows_with_it(queue: Queue, known: bool) -> None:
    child = Request("study", "child", "housing", {"parent": "housing"})
    queue.submit(child, "ann")
    number = queue.submit(REQUEST, "ann").id
    queue.pause(number)
    tidying = Tidying(queue.engine)
    tidying.tag("housing", ["good"])
    tidying.tag("new", ["of a study that is gone"])
    tidying.archive("housing", "ann")
    with queue.engine.begin() as connection:
        if not known:
            for name in ("tuner_jobs", "tuner_tags", "tuner_archived", "tuner_promotions"):
                connection.execute(text(f"ALTER TABLE {name} RENAME TO kept_{name}"))
        rename_rows(connection, "housing", "new")
        forget_rows(connection, "gone")
        if not known:
            for name in ("tuner_jobs", "tuner_tags", "tuner_archived", "tuner_promotions"):
                connection.execute(text(f"ALTER TABLE kept_{name} RENAME TO {name}"))
    name = "new" if known else "housing"
    assert queue.get(number).study == name
    assert tidying.tags_of(name) == ["good"]
    assert tidying.is_archived(name)
    assert queue.get(1).options["parent"] == name
    with queue.engine.begin() as connection:
        forget_rows(connection, name)
    assert tidying.tags_of(name) == []
    assert not tidying.is_archived(name)
    assert queue.get(number).state == "done"
    assert queue.get(1).state == "queued", "another study's"
    assert queue.of_study(name) is None
    assert queue.studies_of("housing") == {"child"}
    for act in (queue.resume, lambda job: queue.change(job, lambda _: {"trials": 9})):
        with pytest.raises(UsageError, match=f"study '{name}' was deleted"):
            act(number)
    again = queue.submit(replace(REQUEST, study=name), "bob").id
    found = queue.of_study(name)
    assert found is not None
    assert found.id == again


@pytest.mark.parametrize("at_work", [False, True])
def test_what_is_submitted_instead_of_a_job_cancels_it_if_it_is_made(
    queue: Queue, at_work: bool
) -> None:
    number = queue.submit(REQUEST, "ann").id
    if at_work:
        queue.claim("a")
    child = Request("study", "child", "housing", {"parent": "housing"})
    taken = queue.submit(replace(REQUEST, study="taken"), "ann").id
    with pytest.raises(UsageError, match=f"job {taken} is queued for study 'taken'"):
        queue.submit(replace(child, study="taken"), "ann", instead_of=number)
    assert (queue.get(number).state, queue.get(number).wish) == (
        ("running", "") if at_work else ("queued", "")
    )
    assert queue.submit(child, "ann", instead_of=number).state == "queued"
    assert (queue.get(number).state, queue.get(number).wish) == (
        ("running", "cancel") if at_work else ("cancelled", "")
    )
    if at_work:
        queue.end(number, "a", "done", "it was faster")
    assert queue.submit(replace(child, study="other"), "ann", instead_of=number).state == "queued"
    assert queue.get(number).state == ("done" if at_work else "cancelled")


def test_what_another_job_works_on_is_neither_resumed_nor_changed(queue: Queue) -> None:
    number = queue.submit(REQUEST, "ann").id
    queue.claim("a")
    queue.end(number, "a", "done", "")
    deletion = queue.submit(Request("delete", "housing", "housing", {"bytes": 1}), "ann").id
    for act in (queue.resume, lambda job: queue.change(job, lambda _: {"trials": 9})):
        with pytest.raises(UsageError, match=f"job {deletion} is queued for study 'housing'; wait"):
            act(number)
    job = queue.get(number)
    assert (job.state, job.options) == ("done", dict(REQUEST.options))
    queue.cancel(deletion)
    assert queue.resume(number).state == "queued"


def test_an_unknown_job_is_named(queue: Queue) -> None:
    with pytest.raises(UsageError, match="no job 7"):
        queue.get(7)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"case": "flower"}, "did you mean 'flowers'"),
        ({}, "no case ''"),
        ({"case": "housing", "trials": 0}, "it takes a whole number, 1 to"),
        ({"case": "housing", "trials": True}, "it takes a whole number"),
        ({"case": "housing", "trials": "many"}, "it takes a whole number"),
        ({"case": "housing", "name": "../x"}, "has a slash"),
        ({"case": "housing", "name": "a\nb"}, "printable characters"),
        ({"case": "housing", "fix": "depth=1"}, "fix takes a list"),
        ({"case": "housing", "fix": ["nonsense=1"]}, "no hyperparameter 'nonsense'"),
        ({"case": "housing", "tries": ["dropout=7"]}, "--try dropout=7 is out of range"),
        ({"case": "housing", "metric": ""}, "metric: got ''; it takes a name"),
        ({"case": "housing", "metric": "acuracy"}, "no metric 'acuracy'; did you mean 'accuracy'?"),
        ({"case": "housing", "metric": "--storage=sqlite:///x"}, "no metric '--storage=sqlite"),
        ({"case": "housing", "storage": "x"}, "no option 'storage'"),
        ({"case": "../../x.py"}, "no case '../../x.py'"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(asked: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        study_request(asked, Shelf())
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("housing", "housing"),
        ("images --data uploads/roses --size 32", "roses"),
        ("table --data data/houses.csv --target price", "houses"),
    ],
)
def test_a_study_without_a_name_has_that_of_its_case_or_data(
    tmp_path: Path, case: str, name: str
) -> None:
    (tmp_path / "uploads" / "roses").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "houses.csv").write_text("a,price\n1,2\n")
    shelf = Shelf(data=DataShelf(tmp_path / "data", tmp_path / "uploads"))
    assert study_request({"case": case}, shelf).study == name
    assert study_request({"case": case, "name": "mine"}, shelf).study == "mine"


def test_the_file_of_an_owner_may_have_metrics_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    shelf = Shelf(tmp_path)
    request = study_request({"case": "mine", "metric": "of my own"}, shelf)
    assert request.options["metric"] == "of my own"
    with pytest.raises(UsageError, match="it takes a name"):
        study_request({"case": "mine", "metric": " "}, shelf)


def test_no_value_is_taken_for_an_option(queue: Queue) -> None:
    request = Request(
        "study",
        "--help",
        "housing",
        {"trials": 1, "seeds": 0, "seed": 0, "fix": ["--engine=ray"], "tries": ["-x"]},
    )
    words = command_of(queue.submit(request, "ann"), Workplace.at(), Shelf(), 1)
    assert words[:2] == ["study", "housing"]
    assert {"--name=--help", "--fix=--engine=ray", "--try=-x"} <= set(words)
