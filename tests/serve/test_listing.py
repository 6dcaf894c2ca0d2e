"""Long lists: read in parts, and only changed rows are made again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.serve.making import client_of, listening
from tuner.client import Client, transport
from tuner.errors import UsageError
from tuner.runs.folder.inventory import Entry
from tuner.serve.orders.requests import Request
from tuner.serve.studies.listing import Filter, Listing, Row
from tuner.serve.studies.searches import Searches
from tuner.study.service_tables import forget_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.serve.jobs.queue import Queue
    from tuner.serve.service import Service

V1 = "/api/v1"


def entries(count: int) -> dict[str, Entry]:
    """Return studies, of which three each began at the same moment."""
    return {
        f"study {number}": Entry(
            name=f"study {number}",
            case="tiny",
            trials=number,
            state="searched",
            metric="accuracy",
            best=0.5,
            baseline=0.4,
            split="validation",
            verdict="",
            when=f"2026-11-{1 + number // 3:02}T00:00:00+00:00",
        )
        for number in range(count)
    }


@pytest.mark.parametrize("limit", [1, 2, 7, 20, 50])
def test_parts_are_the_whole_list_in_its_order(limit: int) -> None:
    listing, tags = Listing(), {"study 4": ["blue"], "study 9": ["blue"], "study 17": ["blue"]}
    listing.update(entries(20), {}, tags, {"study 3"})
    for asked in (Filter(), Filter(words="study 1"), Filter(tag="blue"), Filter(state="x")):
        seen, cursor = list[Row](), None
        while True:
            part = listing.part(limit, cursor, asked)
            seen += part.rows
            cursor = part.cursor
            assert len(part.rows) == limit or cursor is None
            if cursor is None:
                break
        assert seen == listing.rows(asked)
        times = [one.when or "" for one in seen]
        assert times == sorted(times, reverse=True)


def test_a_reader_misses_nothing_while_studies_begin_and_go() -> None:
    listing, there = Listing(), entries(9)
    listing.update(there, {}, {}, set())
    first = listing.part(4)
    new = replace(there["study 8"], name="new", when="2026-12-01T00:00:00+00:00")
    del there[first.rows[-1].name]
    listing.update({**there, "new": new}, {}, {}, set())
    second = listing.part(9, first.cursor)
    assert {one.name for one in (*first.rows, *second.rows)} == set(entries(9))
    assert second.cursor is None


def test_only_what_has_changed_is_made_anew() -> None:
    listing, there = Listing(), entries(5)
    listing.update(there, {}, {}, set())
    before = {one.name: one for one in listing.rows()}
    there["study 1"] = replace(there["study 1"], trials=99)
    del there["study 4"]
    listing.update(there, {}, {"study 2": ["blue"]}, {"study 3"})
    after = {one.name: one for one in (*listing.rows(), *listing.rows(Filter(archived=True)))}
    assert set(after) == set(there)
    assert after["study 0"] is before["study 0"]
    assert after["study 1"].trials == 99
    assert after["study 2"].tags == ["blue"]
    assert after["study 3"].archived
    assert [one.name for one in listing.rows(Filter(words="blue"))] == ["study 2"]


@pytest.mark.parametrize(
    "cursor",
    ["", "?", "W10", "eyJhIjogMX0", "WyIiLCAiMSIsICIiXQ", "bnVsbA", "ä", "AAAA", "x" * 999],
)
def test_a_cursor_that_is_none_is_refused(service: Service, cursor: str) -> None:
    with pytest.raises(UsageError, match="takes what `next` was"):
        service.browser.part(10, cursor)
    answer = client_of(service).get(f"{V1}/studies", params={"cursor": cursor})
    assert answer.status_code == 400
    assert "cursor" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["studies", "jobs"])
@pytest.mark.parametrize("limit", ["0", "1001", "ten", "-1"])
def test_a_limit_has_its_bounds(service: Service, path: str, limit: str) -> None:
    answer = client_of(service).get(f"{V1}/{path}?limit={limit}")
    assert answer.status_code == 400
    assert "limit: got" in answer.json()["detail"]


def test_the_client_reads_long_lists_as_it_needs_them(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ROWS", 2)
    for number in range(5):
        service.queue.submit(Request("study", f"study {number}", "tiny", {"trials": 3}), "ann")
    with listening(service) as url:
        asking = Client(url)
        assert [one["name"] for one in asking.studies("study")] == [
            f"study {number}" for number in reversed(range(5))
        ]
        assert len(asking.studies()) == 6
        assert [one["id"] for one in asking.jobs()] == [5, 4, 3, 2, 1]
        assert next(asking.each_study("study"))["name"] == "study 4"
        assert next(asking.each_job())["id"] == 5


def cancelled(queue: Queue) -> None:
    queue.cancel(2)


def resumed_and_done(queue: Queue) -> None:
    queue.resume(1)
    queue.claim("owner", 4)
    queue.end(1, "owner", "done", "")


def deleted(queue: Queue) -> None:
    queue.cancel(2)
    with queue.engine.begin() as connection:
        forget_rows(connection, "study 1")


def again(queue: Queue) -> None:
    queue.submit(Request("study", "study 0", "tiny", {"trials": 9}), "bob")


def extended(queue: Queue) -> None:
    queue.change(1, lambda _: {"trials": 7})


@pytest.mark.parametrize("act", [cancelled, resumed_and_done, deleted, again, extended])
def test_searches_that_are_kept_are_those_of_the_database(
    empty: Service, act: Callable[[Queue], object]
) -> None:
    queue = empty.queue
    for number in range(3):
        queue.submit(Request("study", f"study {number}", "tiny", {"trials": 3}), "ann")
    queue.claim("owner", 1)
    queue.end(1, "owner", "done", "")
    kept = Searches(queue)
    assert kept.by_study() == Searches(queue).by_study()
    act(queue)
    assert kept.by_study() == Searches(queue).by_study()
    assert set(kept.by_study()) == {"study 0", "study 1", "study 2"}
