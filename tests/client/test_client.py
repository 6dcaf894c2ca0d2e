"""The client against a service that listens on a socket."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.sampling import one_in
from tests.serve.making import TABLE, listening, served
from tuner.client import Client, StudyOptions, answers, transport
from tuner.commands.cancel import main as cancel
from tuner.commands.submit import OPTIONS
from tuner.commands.submit import main as submit
from tuner.commands.watch import main as watch
from tuner.errors import ServiceError, UsageError
from tuner.serve.actions import changes
from tuner.serve.orders.requests import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tuner.serve.service import Service


def test_the_options_are_those_of_the_service() -> None:
    names = set(StudyOptions.__annotations__)
    assert names == KNOWN - {"case"} | {"settings_of"}
    assert names == set(OPTIONS)


def test_a_study_is_submitted_steered_and_listed(url: str) -> None:
    client = Client(url)
    job, again = (client.submit("tiny", key="a", trials=3, fix=["width=3"]) for _ in range(2))
    assert job["id"] == again["id"]
    assert (job["state"], job["options"]["fix"]) == ("queued", ["width=3"])
    assert client.pause("tiny")["state"] == "paused"
    assert client.extend("tiny", 9)["options"]["trials"] == 9
    assert client.add_try("tiny", "width=3")["options"]["tries"] == ["width=3"]
    assert client.resume("tiny")["state"] == "queued"
    assert [one["name"] for one in client.studies()] == ["tiny"]
    assert client.studies(state="done") == []
    assert client.study("tiny")["total"] == 9
    assert client.cancel("tiny")["state"] == "cancelled"
    assert [one["id"] for one in client.jobs()] == [job["id"]]
    assert [one["job"] and one["job"]["state"] for one in client.watch("tiny")] == ["cancelled"]
    assert client.models() == []
    assert client.ledger() == client.ledger("tiny") == []


def test_what_a_study_has_shown_is_read(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "why_no_changes", lambda _arms: None)  # the baseline is best
    with listening(service) as url:
        client = Client(url)
        assert len(client.trials("tiny")) == 5
        assert client.trials_csv("tiny").count("\n") == 6
        assert client.report("tiny").startswith("#")
        assert "<html" in client.report("tiny", "html")
        for name in ("rename/me", "ä b", "?", "#"):
            with pytest.raises(ServiceError) as raised:
                client.study(name)
            assert raised.value.status in {400, 404, 405}
        measuring = client.ablate("tiny", seeds=2, budget=60)
        assert (measuring["kind"], measuring["options"]) == ("ablate", {"seeds": 2, "budget": 60})
        with pytest.raises(ServiceError, match="choose 2 to 8"):
            client.compare("tiny", "tiny")


@pytest.mark.parametrize(
    ("case", "options", "said"),
    [
        ("tinny", {}, "no case 'tinny'; did you mean 'tiny'"),
        ("tiny", {"trials": 0}, "trials: got 0; it takes a whole number"),
        ("tiny", {"fix": ["width=99"]}, "--fix width=99 is out of range"),
    ],
)
def test_a_refusal_has_the_words_of_the_command_line(
    url: str, case: str, options: StudyOptions, said: str
) -> None:
    with pytest.raises(ServiceError, match=said) as raised:
        Client(url).submit(case, **options)
    assert raised.value.status == 400


def test_a_token_is_sent(empty: Service, url: str, tmp_path: Path) -> None:
    token = empty.tokens.create("ann", "viewer")
    with pytest.raises(ServiceError, match="send a token"):
        Client(url).studies()
    client = Client(url, token)
    assert client.studies() == []
    assert token not in repr(vars(client))
    with pytest.raises(ServiceError, match="this needs the role operator, and yours is viewer"):
        client.submit("tiny")
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    with pytest.raises(ServiceError, match="no study 'tiny'"):
        watch(["tiny", "--url", url, "--token-file", str(file)])


@pytest.mark.parametrize(
    "url", ["", "tuner", "ftp://localhost", "http://", "http://ann:secret@localhost:8080"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="write it like") as raised:
        Client(url)
    assert "secret" not in str(raised.value)


def answering(*answers: bytes) -> Iterator[str]:
    """Answer each connection with the next of these byte strings, and close it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for one in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(one)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass  # unread data would reset the connection

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\n"
OF_JSON, OF_HTML, OF_EVENTS, OF_TEXT = (
    HEAD % b"200 OK" + b"Content-Type: %s\r\n\r\n" % kind
    for kind in (
        b"application/json",
        b"text/html; charset=utf-8",
        b"text/event-stream",
        b"text/plain",
    )
)
ELSEWHERE = HEAD % b"302 Found" + b"Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (ELSEWHERE, "answered 302"),
        (HEAD % b"500 Oops" + b"Content-Length: 2\r\n\r\nno", "it is not a service of tuner"),
        (
            HEAD % b"413 Too Large" + b"\r\n<p>nginx",
            "413 Too Large: a proxy .* client_max_body_size",
        ),
        (HEAD % b"502 Bad Gateway" + b"\r\n<p>nginx", "502 Bad Gateway: .* is it running"),
        (OF_JSON.replace(b"\r\n\r\n", b"\r\nContent-Length: 999\r\n\r\n{"), "broke off"),
        (b"", "cannot be reached"),
    ],
)
def test_an_answer_that_is_none_is_told(sent: bytes, said: str) -> None:
    for url in answering(sent):
        with pytest.raises(ServiceError, match=said):
            Client(url, "tuner_secret").studies()


ASKED: list[Callable[[Client, Path], object]] = [
    lambda client, _: client.submit("tiny"),
    lambda client, _: client.cancel("tiny"),
    lambda client, _: client.studies(),
    lambda client, _: client.archive("tiny"),
    lambda client, folder: client.send(folder / "houses.csv"),
    lambda client, _: list(client.watch("tiny")),
    lambda client, _: client.report("tiny"),
    lambda client, folder: client.download("tiny", "best", folder / "model.zip"),
]


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (OF_HTML + b"<p>Welcome!", "text/html"),
        (OF_JSON + b"<p>Welcome!", "something that is not JSON"),
        (OF_JSON + b"\xff", "something that is not JSON"),
        (OF_JSON + b"[" * 2_000, "something that is not JSON"),
        (OF_JSON + b"[]", "JSON that is not an object"),
        (OF_JSON + b'{"hello": "world"}', r"JSON without \w+"),
    ],
    ids=["page", "text", "bytes", "deep", "list", "other"],
)
def test_something_else_at_the_address_is_told(tmp_path: Path, sent: bytes, got: str) -> None:
    (tmp_path / "houses.csv").write_text(TABLE, encoding="utf-8")
    for url in answering(*[sent] * len(ASKED)):
        said = rf"{url} answered ({got}|application/json).* it is not a service of tuner; check"
        for asked in ASKED:
            with pytest.raises(ServiceError, match=said):
                asked(Client(url), tmp_path)
    assert not (tmp_path / "model.zip").exists()


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (OF_EVENTS + b"id: a\ndata: hello\n\n", "something that is not JSON"),
        (OF_EVENTS + b'id: a\ndata: {"hello": 1}\n\n', "JSON without"),
    ],
)
def test_events_of_something_else_are_told(sent: bytes, got: str) -> None:
    for url in answering(sent):
        with pytest.raises(ServiceError, match=got):
            list(Client(url).watch("tiny"))


def test_a_report_that_is_no_text_is_told() -> None:
    for url in answering(OF_TEXT + b"\xff"):
        with pytest.raises(ServiceError, match="answered bytes that are no text"):
            Client(url).report("tiny")


def test_a_service_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServiceError, match=r"cannot be reached: .* tuner serve"):
        Client(f"http://127.0.0.1:{port}").studies()


def event(mark: str, **known: object) -> bytes:
    study = {**dict.fromkeys(answers.Study.__required_keys__), **known}
    return f"id: {mark}\nevent: study\ndata: {json.dumps(study)}\n\n".encode()


@pytest.mark.slow
def test_events_are_taken_up_after_a_break() -> None:
    one = event("a", finished=1) + b": a sign of life\n\n"
    two = event("b", finished=2, job={"state": "done"})
    for url in answering(OF_EVENTS + one + two[:20], OF_EVENTS + two):
        assert [study["finished"] for study in Client(url).watch("tiny")] == [1, 2]


def test_events_that_end_at_once_are_not_asked_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "LONGEST_PAUSE", 0.0)
    attempts = transport.MOST_ATTEMPTS + 1
    for url in answering(*[OF_EVENTS] * attempts):
        with pytest.raises(ServiceError, match=f"has gone: .* {attempts} times in a row"):
            list(Client(url).watch("tiny"))


def test_a_stream_with_signs_of_life_is_asked_for_as_long_as_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "LONGEST_PAUSE", 0.0)
    quiet = [OF_EVENTS + b": nothing new\n\n"] * (2 * transport.MOST_ATTEMPTS)
    done = event("a", finished=2, job={"state": "done"})
    for url in answering(*quiet, OF_EVENTS + done):
        assert [study["finished"] for study in Client(url).watch("tiny")] == [2]


def test_commands_submit_and_cancel(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--trials", "4", "--fix", "width=3", "--order", "arrival", "--accept-changes"]
    assert submit(["tiny", "--url", url, "--key", "k", *options]) == 0
    assert f"tuner watch --url {url} tiny" in capsys.readouterr().out
    job = Client(url).study("tiny")["job"]
    assert job is not None
    assert job["options"] == {
        "trials": 4,
        "seed": 0,
        "fix": ["width=3"],
        "tries": [],
        "order": "arrival",
        "accept_changes": True,
    }
    assert cancel(["tiny", "--url", url]) == 0
    assert "is cancelled" in capsys.readouterr().out
    assert watch(["tiny", "--url", url]) == 1
    assert "tiny: cancelled, 0 of 4 trials" in capsys.readouterr().out


def test_a_study_is_submitted_with_the_settings_of_another(url: str) -> None:
    first = ["--trials", "4", "--seed", "7", "--fix", "width=3", "--precision", "float32"]
    assert submit(["tiny", "--url", url, *first]) == 0
    again = ["--from", "tiny", "--url", url, "--name"]
    assert submit([*again, "second"]) == 0
    assert submit([*again, "third", "--seed", "0", "--fix", "width=5", "--metric", "error"]) == 0
    found = {one["study"]: one for one in Client(url).jobs()}
    assert found["second"]["options"] == found["tiny"]["options"]
    assert found["third"]["options"] == {
        **found["tiny"]["options"],
        "seed": 0,
        "fix": ["width=5"],
        "metric": "error",
    }
    assert {one["case"] for one in found.values()} == {"tiny"}


@pytest.mark.parametrize(
    ("words", "said"),
    one_in(
        2,
        [
            ([], "there is no CASE to search; name one, or an earlier study: --from STUDY"),
            (["--from", "tiny"], "the settings of 'tiny' takes a name of its own; give it one"),
            (["--from", "tiny", "--name", "tiny"], "takes a name of its own"),
            (["--from", "tinny", "--name", "x"], "no study 'tinny'"),
            (["--from", "tiny", "--name", "x", "--fix", "widht=3"], "no hyperparameter 'widht'"),
        ],
    ),
)
def test_settings_that_cannot_be_taken_are_refused(url: str, words: list[str], said: str) -> None:
    Client(url).submit("tiny", trials=4)
    with pytest.raises((ServiceError, UsageError), match=said):
        submit([*words, "--url", url])
    assert [one["study"] for one in Client(url).jobs()] == ["tiny"]


def test_a_study_of_a_command_line_lends_no_settings(service: Service) -> None:
    with listening(service) as url, pytest.raises(ServiceError, match="from a command line"):
        Client(url).submit(settings_of="tiny", name="x")


@pytest.mark.parametrize("command", [watch, cancel])
def test_a_mistyped_study_of_a_service_is_answered_as_everywhere(
    url: str, command: Callable[[Sequence[str]], int]
) -> None:
    with pytest.raises(ServiceError, match=r"^no study 'tinny'\. There are no studies yet$"):
        command(["tinny", "--url", url])
    Client(url).submit("tiny", trials=4)
    said = r"^no study 'tinny'; did you mean 'tiny'\? The studies are tiny$"
    with pytest.raises(ServiceError, match=said):
        command(["tinny", "--url", url])


def test_an_option_that_the_service_does_not_take_is_said(url: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        submit(["tiny", "--token-file", "nowhere"])
    with pytest.raises(ServiceError, match="trials: got 'auto'; it takes a whole number"):
        submit(["tiny", "--trials", "auto", "--url", url])


@pytest.mark.slow
def test_a_study_is_watched_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(tmp_path / "home") as (_, asked):
        url = str(asked.base_url)
        words = ["tiny", "--trials", "4", "--seeds", "2", "--url", url, "--watch"]
        assert submit(words) == 0
        said = capsys.readouterr().out.splitlines()
        assert said[0].startswith("Study 'tiny' is queued")
        assert said[-1].startswith("tiny: done, 4 of 4 trials, best ")
        assert Client(url).report("tiny", "md").startswith("#")
