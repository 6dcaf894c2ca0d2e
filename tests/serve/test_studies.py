"""The list of studies: tags, the archive, pagination, and changed studies are read again."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.making import TINY
from tests.serve.making import client_of, form_key
from tests.waiting import wait_until
from tuner.commands.delete import main as delete
from tuner.commands.rename import main as rename
from tuner.commands.study import main as study
from tuner.errors import UsageError
from tuner.runs.folder.inventory import entries_of
from tuner.serve.finding import catalogue_of
from tuner.serve.pages.studies import ROWS
from tuner.serve.studies import browsing
from tuner.serve.studies.counting import Counts
from tuner.serve.studies.summaries import AT_ONCE, TO_FILL, Summaries
from tuner.serve.studies.tidying import LONGEST_TAG, MOST_TAGS
from tuner.study.catalogue import Catalogue
from tuner.study.schema import EVIDENCE, FACTS, OPENINGS
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tuner.serve.service import Service


def fresh(service: Service) -> dict[str, object]:
    return {one.name: one for one in entries_of(Catalogue(service.storage))}


def copied(service: Service, name: str) -> None:
    """Copy the study `tiny` with its evidence."""
    for one in ("tiny", evidence_name("tiny")):
        optuna.copy_study(
            from_study_name=one,
            from_storage=service.storage,
            to_storage=service.storage,
            to_study_name=one.replace("tiny", name, 1),
        )
    evidence = optuna.load_study(study_name=evidence_name(name), storage=service.storage)
    evidence.set_user_attr("evidence_of", name)


@pytest.mark.slow
def test_what_has_changed_is_read_again_and_is_as_if_all_were(service: Service) -> None:
    summaries = Summaries(service.storage)
    assert summaries.entries() == fresh(service)
    copied(service, "second")
    assert summaries.entries() == fresh(service)
    assert summaries.entries()["tiny"].verdict == summaries.entries()["second"].verdict
    assert study([TINY, "--trials", "7", "--seeds", "2", "--workers", "1"]) == 0
    assert summaries.entries() == fresh(service)
    assert summaries.entries()["tiny"].trials == 7
    assert rename(["second", "third"]) == 0
    assert summaries.entries() == fresh(service)
    assert delete(["third", "--yes"]) == 0
    assert summaries.entries() == fresh(service)
    assert list(summaries.entries()) == ["tiny"]


def test_a_look_by_one_study_is_seen_in_the_verdict_of_another(service: Service) -> None:
    copied(service, "second")
    tiny = optuna.load_study(study_name="tiny", storage=service.storage)
    summaries = Summaries(service.storage)
    summaries.entries()
    tiny.set_user_attr(OPENINGS, 40 * tiny.user_attrs[OPENINGS])
    for _ in range(3):  # changed within its rows: each look rereads only a few studies
        found = summaries.entries()
    assert found == fresh(service)


def test_no_page_waits_while_many_studies_are_read(service: Service) -> None:
    summaries = Summaries(service.storage)
    before = summaries.entries()
    copied(service, "second")
    with summaries._lock:  # as held by the thread that reads
        assert summaries.entries() is before
    assert summaries.entries() == fresh(service)


@pytest.mark.slow
def test_what_a_look_leaves_is_read_beside(service: Service) -> None:
    for number in range(2 * AT_ONCE):
        copied(service, f"copy {number}")
    summaries, over = Summaries(service.storage), threading.Event()
    assert len(summaries.entries()) == AT_ONCE
    keeper = threading.Thread(target=summaries.keep, args=(over,))
    keeper.start()
    wait_until(lambda: not summaries.left)
    over.set()
    keeper.join()
    assert summaries.entries() == fresh(service)


@pytest.mark.slow
def test_many_interrupted_studies_keep_no_other_from_being_read(service: Service) -> None:
    tiny = optuna.load_study(study_name="tiny", storage=service.storage)
    for number in range(2 * TO_FILL):
        made = optuna.create_study(study_name=f"copy {number}", storage=service.storage)
        made.set_user_attr(FACTS, tiny.user_attrs[FACTS])
        made.ask()
    summaries = Summaries(service.storage)
    summaries.fill()
    assert summaries.entries() == fresh(service)


def test_looks_of_a_study_that_was_deleted_still_count(service: Service) -> None:
    copied(service, "second")
    tiny = optuna.load_study(study_name="tiny", storage=service.storage)
    second = optuna.load_study(study_name="second", storage=service.storage)
    second.set_user_attr(OPENINGS, 40 * tiny.user_attrs[OPENINGS])
    summaries = Summaries(service.storage)
    summaries.fill()
    assert delete(["second", "--yes"]) == 0
    assert summaries.entries() == fresh(service)
    kept = [one.get(OPENINGS, []) for one in Catalogue(service.storage).attributes.values()]
    assert sum(map(len, kept)) == 41 * len(tiny.user_attrs[OPENINGS])
    known = (summaries._others or {}).values()
    assert sum(len(one[OPENINGS]) for one in known) == sum(map(len, kept))


def counted(service: Service) -> tuple[dict[str, int], int]:
    """Return the counts of trials by state, and of those with a duration, computed with Optuna."""
    states, timed = Counter[str](), 0
    for one in service.storage.get_all_studies():
        trials = service.storage.get_all_trials(one._study_id)
        done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        timed += sum("seconds" in trial.user_attrs for trial in done)
        if EVIDENCE not in one.user_attrs:
            states.update(trial.state.name for trial in trials)
    return dict(states), timed


@pytest.mark.slow
def test_counts_that_are_kept_are_as_if_all_trials_were_counted(service: Service) -> None:
    counts = Counts(service.storage)

    def check() -> None:
        found = counts.look()
        assert ({one: n for one, n in found.states.items() if n}, found.timed) == counted(service)

    check()
    copied(service, "second")
    check()
    other = optuna.create_study(study_name="somebody's", storage=service.storage)
    trial = other.ask()
    other.enqueue_trial({})
    check()
    trial.set_user_attr("seconds", 2.5)
    check()
    before = counts.look().micro
    other.tell(trial, 1.0)
    check()
    assert counts.look().micro == before + 2_500_000
    other.ask()
    check()
    other.ask()
    assert delete(["second", "--yes"]) == 0
    check()


def test_a_study_of_which_only_a_part_is_read_is_as_whole(service: Service) -> None:
    copied(service, "second")
    names = [one.study_name for one in service.storage.get_all_studies()]
    ids = [service.storage.get_study_id_from_name(one) for one in names if "second" in one]
    every = Catalogue(service.storage).attributes
    found = entries_of(Catalogue(service.storage, ids, every))
    assert found == [fresh(service)["second"]]


@pytest.mark.slow
def test_a_study_that_is_made_again_under_its_name_is_not_the_old_one(service: Service) -> None:
    assert service.browser.study("tiny")["finished"] == 5
    assert delete(["tiny", "--yes"]) == 0
    assert study([TINY, "--trials", "3", "--seeds", "0", "--workers", "1"]) == 0
    service.browser.forget()
    assert service.browser.study("tiny")["finished"] == 3


@pytest.mark.parametrize("attributes", [{"breaks": [0.5]}, {"lost": "its worker was lost"}])
def test_a_trial_that_was_not_trained_or_was_lost_is_not_counted(
    service: Service, attributes: dict[str, Any]
) -> None:
    made = optuna.load_study(study_name="tiny", storage=service.storage)
    made.add_trial(optuna.trial.create_trial(state=TrialState.FAIL, user_attrs=attributes))
    assert service.browser.study("tiny")["finished"] == 5


@pytest.mark.slow
def test_what_was_read_of_watched_studies_is_bounded(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "MOST_WATCHED", 3)  # twenty take seven seconds to copy
    names = ["tiny", *(f"copy {number}" for number in range(3))]
    for name in names[1:]:
        copied(service, name)
    for name in names:
        assert service.browser.study(name)["finished"] == 5
    assert len(service.browser._watched) == 3


def test_of_studies_by_name_no_others_are_read(service: Service) -> None:
    copied(service, "second")
    found = catalogue_of(service.storage, "tiny")
    assert [*found.studies] == ["tiny"]
    assert found.family("tiny") == ["tiny", evidence_name("tiny")]
    with pytest.raises(UsageError, match="no study 'tinny'; did you mean 'tiny'"):
        catalogue_of(service.storage, "tinny").load("tinny")


def test_tags_find_a_study(service: Service, client: TestClient) -> None:
    copied(service, "second")
    key = form_key(client, "/tuner/studies/tiny")
    path = "/tuner/studies/tiny/tags"
    assert client.post(path, data={"form_key": key, "tags": "fast,  for Ann ,,"}).status_code == 303
    assert service.tidying.tags() == {"tiny": ["fast", "for Ann"]}
    for query, names in (
        ("?tag=fast", ["tiny"]),
        ("?q=for+ann", ["tiny"]),
        ("?tag=slow", []),
        ("", ["tiny", "second"]),
    ):
        text = client.get(f"/tuner/{query}").text
        assert [one for one in ("tiny", "second") if f"/tuner/studies/{one}" in text] == names
    assert 'href="/tuner/?tag=for%20Ann"' in client.get("/tuner/studies/tiny").text.replace(
        "+", "%20"
    )
    client.post(path, data={"form_key": key, "tags": ""})
    assert service.tidying.tags() == {}
    answer = client.post("/tuner/studies/none/tags", data={"form_key": key, "tags": "x"})
    assert "no study &#39;none&#39;" in answer.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("x" * (LONGEST_TAG + 1), "printable characters"),
        ("a\x07b", "printable characters"),
        (",".join(map(str, range(MOST_TAGS + 1))), f"has at most {MOST_TAGS}"),
    ],
)
def test_tags_that_cannot_be_used_are_refused(service: Service, typed: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        service.tidying.tag("tiny", typed.split(","))


def test_an_archived_study_is_out_of_the_way_and_comes_back(
    service: Service, client: TestClient
) -> None:
    key = form_key(client, "/tuner/studies/tiny")
    path = "/tuner/studies/tiny/archive"

    def listed(query: str = "") -> bool:
        return "/tuner/studies/tiny" in client.get(f"/tuner/{query}").text

    assert listed()
    client.post(path, data={"form_key": key, "away": "1"})
    assert (listed(), listed("?archived=1")) == (False, True)
    assert "archived</span>" in client.get("/tuner/studies/tiny").text
    client.post(path, data={"form_key": key, "away": "0"})
    assert (listed(), listed("?archived=1")) == (True, False)


def test_a_study_at_work_is_not_archived(empty: Service) -> None:
    client = client_of(empty)
    client.post("/api/v1/studies", json={"case": "tiny"})
    fields = {"form_key": form_key(client, "/tuner/studies/tiny"), "away": "1"}
    answer = client.post("/tuner/studies/tiny/archive", data=fields)
    assert "pause or cancel it, then archive it" in answer.text


@pytest.mark.parametrize(
    ("act", "told"),
    [("total", {"trials": "30"}), ("tries", {"try": "dropout=0.5"}), ("resume", {})],
)
def test_an_archived_study_that_goes_on_is_in_the_list(
    service: Service, act: str, told: dict[str, str]
) -> None:
    client = client_of(service)
    client.post("/api/v1/studies", json={"case": "tiny"})
    page = "/tuner/studies/tiny"
    key = {"form_key": form_key(client, page)}
    client.post(f"{page}/cancel", data=key)
    client.post(f"{page}/archive", data={**key, "away": "1"})
    assert page not in client.get("/tuner/").text
    assert client.post(f"{page}/{act}", data={**key, **told}).status_code == 303
    assert page in client.get("/tuner/").text


def test_a_long_list_has_pages(empty: Service) -> None:
    client = client_of(empty)
    for number in range(ROWS + 3):
        client.post("/api/v1/studies", json={"case": "tiny", "name": f"study {number:03d}"})
    first, last = client.get("/tuner/").text, client.get("/tuner/?page=2").text
    assert first.count("/tuner/studies/") == ROWS
    assert last.count("/tuner/studies/") == 3
    assert "page 1 of 2" in first
    assert client.get("/tuner/?page=99").text.count("/tuner/studies/") == 3
    assert client.get("/tuner/?page=x").status_code == 400
    assert "study 007" in client.get("/tuner/?q=007&page=1").text
