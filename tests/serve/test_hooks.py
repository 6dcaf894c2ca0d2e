"""Webhooks: messages, signatures, repeated attempts, and addresses that get nothing."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.serve.making import client_of, form_key
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.errors import StoreError, UsageError
from tuner.serve.messages.hooks import PAUSES, Hooks
from tuner.serve.messages.messenger import Messenger
from tuner.serve.messages.posting import address_of, target_of
from tuner.serve.messages.sending import PREFIX, Sender, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.serve.service import Service
    from tuner.serve.tables import Delivery, Hook

PEM = Path(__file__).with_name("loopback.pem")
V1 = "/api/v1"


class Listener:
    """A TLS server on this machine, which responds with the next of its statuses."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], str]] = []
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.got.append((dict(self.headers), self.rfile.read(length).decode()))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("Location", "https://127.0.0.1/elsewhere")
                self.end_headers()
                self.wfile.write(b"thank you\n")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/told?by=tuner"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    made = Listener()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def now() -> list[float]:
    return [1_000_000.0]


@pytest.fixture
def hooks(empty: Service, now: list[float]) -> Hooks:
    return Hooks(empty.storage.engine, frozenset({"127.0.0.1"}), lambda: now[0])


def end(service: Service, state: Any, at: float) -> None:
    """Make a study end at a time."""
    client_of(service).post(f"{V1}/studies", json={"case": "tiny"})
    queue = type(service.queue)(service.queue.engine, lambda: at)
    job = queue.claim("a service")
    assert job is not None
    queue.end(job.id, "a service", state, "last words")


def look(hooks: Hooks) -> None:
    """Find what has ended and send the messages, without the messenger's threads."""
    for hook in hooks.due():
        hooks.deliver(hook)


@contextmanager
def trickling(first: bytes, tls: bool) -> Iterator[int]:
    """Yield the port of a server that starts a response and never ends it."""
    over = threading.Event()

    def answer(taken: socket.socket) -> None:
        with taken, suppress(OSError):
            taken.sendall(first)
            while not over.wait(0.05):
                taken.sendall(b"a")

    def take(server: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        with suppress(OSError):  # it is closed
            while True:
                taken, _ = server.accept()
                if tls:
                    taken = context.wrap_socket(taken, server_side=True)
                threading.Thread(target=answer, args=(taken,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=take, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        over.set()


BEGINNINGS = [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]


@pytest.mark.slow
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_an_answer_that_never_ends_is_cut_off(
    hooks: Hooks, beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    monkeypatch.setattr("tuner.serve.messages.posting.SECONDS_IN_ALL", 0.5)
    monkeypatch.setattr("tuner.serve.messages.posting.LONGEST_ANSWER", 5000)
    with trickling(beginning, tls=True) as port:
        hook = hooks.add(f"https://127.0.0.1:{port}/", "ann")
        sent = hooks.try_out(hook.id, "ann")
    assert (sent.state, sent.answer) == ("failed", "there was no whole answer within 0.5 s")


@pytest.mark.parametrize("state", ["done", "failed"])
def test_the_end_of_a_study_is_told_once_and_signed(
    empty: Service, hooks: Hooks, listener: Listener, now: list[float], state: str
) -> None:
    end(empty, "done", now[0] - 1)  # before there was a hook
    hook = hooks.add(listener.url, "ann")
    look(hooks)
    assert listener.got == []
    end(empty, state, now[0] + 1)
    now[0] += 2
    for _ in range(2):
        look(hooks)
    ((headers, body),) = listener.got
    assert json.loads(body) == {
        "type": f"study.{state}",
        "timestamp": "1970-01-12T13:46:41+00:00",
        "data": {"study": "tiny", "case": "tiny", "who": "owner", "state": state},
    }
    assert headers["webhook-timestamp"] == "1000002"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    key = base64.b64decode(hook.secret.removeprefix(PREFIX))
    made = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{made}"
    (sent,) = hooks.log(hook.id)
    assert (sent.state, sent.attempts, sent.answer) == ("delivered", 1, "200 thank you")


def test_it_is_sent_again_later_and_later_until_it_is_given_up(
    empty: Service, hooks: Hooks, listener: Listener, now: list[float]
) -> None:
    hook = hooks.add(listener.url, "ann")
    end(empty, "done", now[0])
    listener.statuses = [500, 302] + [503] * len(PAUSES)
    for pause in PAUSES:
        look(hooks)
        (sent,) = hooks.log(hook.id)
        assert (sent.state, sent.due) == ("waiting", now[0] + pause)
        now[0] += pause - 0.5
        look(hooks)
        assert hooks.log(hook.id)[0].attempts == sent.attempts, "not before it is due"
        now[0] += 0.5
    look(hooks)
    (sent,) = hooks.log(hook.id)
    assert (sent.state, sent.attempts, sent.answer[:3]) == ("failed", len(PAUSES) + 1, "503")
    assert len({headers["webhook-id"] for headers, _ in listener.got}) == 1
    now[0] += 1e6
    look(hooks)
    assert len(listener.got) == len(PAUSES) + 1


def test_a_message_is_sent_by_one_of_two_services(
    empty: Service, hooks: Hooks, listener: Listener, now: list[float]
) -> None:
    hook = hooks.add(listener.url, "ann")
    end(empty, "done", now[0])
    other = Hooks(hooks.engine, hooks.allowed, hooks.clock)
    hooks._find(hooks.all())
    other._find(other.all())
    (one,), (same,) = (all_of._due(hook) for all_of in (hooks, other))
    assert [hooks._claim(one), other._claim(same)] == [True, False]


PRIVATE = [
    *("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]"),
    *("2130706433", "0x7f000001", "127.1", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1"),
    *("[::]", "[ff02::1]", "255.255.255.255"),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_nothing_is_sent_into_a_private_network(empty: Service, host: str) -> None:
    with pytest.raises(UsageError, match=r"leads into a private network|is not known"):
        empty.hooks.add(f"https://{host}/", "ann")
    assert empty.hooks.all() == []


@pytest.mark.parametrize("host", ["1.1.1.1", "[2606:4700:4700::1111]", "8.8.8.8"])
def test_the_public_internet_is_allowed(host: str) -> None:
    assert address_of(target_of(f"https://{host}/"), frozenset()) == host.strip("[]")


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "file:///etc/passwd", "gopher://example.org", "//example.org", ""),
        *("https://", "https://ann:secret@1.1.1.1/", "https://1.1.1.1/#x", "https://1.1.1.1:x/"),
        *("https://1.1.1.1/\r\nHost: evil", "https://1.1.1.1/ a", "https://1.1.1.1/\u0430"),
        *("https://1.1.1.1:99999/", "https://[::1/", f"https://1.1.1.1/{'x' * 2000}"),
    ],
)
def test_an_address_that_is_none_is_refused(empty: Service, url: str) -> None:
    with pytest.raises(UsageError, match="the address") as raised:
        empty.hooks.add(url, "ann")
    assert "secret" not in str(raised.value)


def test_a_name_that_leads_elsewhere_later_is_refused_at_delivery(
    empty: Service, listener: Listener, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = ["1.1.1.1"]

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        assert host == "example.org"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads[0], port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    hooks = Hooks(empty.storage.engine, clock=lambda: now[0])
    hook = hooks.add(f"https://example.org:{listener.server.server_port}/", "ann")
    leads[0] = "127.0.0.1"
    sent = hooks.try_out(hook.id, "ann")
    assert sent.state == "failed"
    assert "leads into a private network" in sent.answer
    assert listener.got == []


def test_a_certificate_that_nobody_trusts_is_refused(
    hooks: Hooks, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    sent = hooks.try_out(hooks.add(listener.url, "ann").id, "ann")
    assert sent.state == "failed"
    assert "certificate verify failed" in sent.answer
    assert listener.got == []


def test_over_http_a_secret_is_shown_once(empty: Service, hooks: Hooks, listener: Listener) -> None:
    hooks.add(listener.url, "ann")
    client = client_of(empty)
    (hook,) = client.get(f"{V1}/hooks").json()["hooks"]
    assert hook["host"] == "https://127.0.0.1/..."
    assert (
        client.post(f"{V1}/hooks", json={"url": "https://1.1.1.1/x?key=s3cret"})
        .json()["secret"]
        .startswith(PREFIX)
    )
    texts = [
        client.get(path).text
        for path in (f"{V1}/hooks", f"{V1}/acts", "/tuner/hooks", f"{V1}/hooks/1/deliveries")
    ]
    assert not any("s3cret" in one or PREFIX in one for one in texts)
    refused = client.post(f"{V1}/hooks", json={"url": "https://127.0.0.1/"})
    assert (refused.status_code, "private network" in refused.json()["detail"]) == (400, True)
    sent = client.post(f"{V1}/hooks/1/test", json={}).json()
    assert (sent["event"], sent["state"]) == ("test", "failed"), "not allowed to this service"
    assert client.post(f"{V1}/hooks/1/remove", json={}).json()["id"] == 1
    assert client.get(f"{V1}/hooks/1/deliveries").status_code == 404
    whats = [one["what"] for one in client.get(f"{V1}/acts").json()["acts"]]
    assert whats == ["remove hook 1", "test hook 1", "add hook 2"]


def test_the_page_adds_tests_and_removes(empty: Service, listener: Listener, hooks: Hooks) -> None:
    client = client_of(empty)
    key = form_key(client, "/tuner/hooks")
    wrong = client.post("/tuner/hooks", data={"form_key": key, "url": "https://127.0.0.1/<b>"})
    assert wrong.status_code == 400
    assert "private network" in wrong.text
    assert "<b>" not in wrong.text
    made = client.post("/tuner/hooks", data={"form_key": key, "url": "https://1.1.1.1/"})
    assert PREFIX in made.text
    hook = hooks.add(listener.url, "bob")
    assert hooks.try_out(hook.id, "bob").state == "delivered"
    shown = client.get("/tuner/hooks").text
    assert "200 thank you" in shown
    assert place_of(hook) in shown
    assert client.post("/tuner/hooks/2/test", data={"form_key": key}).status_code == 303
    assert client.post("/tuner/hooks/2/remove", data={"form_key": key}).status_code == 303
    assert [one.id for one in hooks.all()] == [1]


@pytest.mark.slow
def test_a_thread_sends(empty: Service, listener: Listener) -> None:
    hooks = Hooks(empty.storage.engine, frozenset({"127.0.0.1"}))
    hook = hooks.add(listener.url, "ann")
    end(empty, "done", hook.made + 1)
    messenger = Messenger(hooks)
    messenger.start()
    while not listener.got:
        messenger._looking._thread.join(0.05)
    messenger.close()
    messenger._looking.wait()
    assert not messenger.is_well


def test_a_hook_that_answers_slowly_keeps_no_other_waiting(
    empty: Service, hooks: Hooks, listener: Listener, now: list[float], monkeypatch: Any
) -> None:
    slow, other = (hooks.add(f"{listener.url}&n={number}", "ann") for number in (1, 2))
    honest, answered, asked = Sender.send, threading.Event(), []

    def send(self: Sender, hook: Hook, one: Delivery, now: float) -> tuple[bool, str]:
        if hook.id == slow.id:
            asked.append(one.id)
            answered.wait(SECONDS_TO_HANG)
        return honest(self, hook, one, now)

    monkeypatch.setattr(Sender, "send", send)
    messenger = Messenger(hooks)
    for times in (1, 2):  # the second ends while the first is told
        end(empty, "done", now[0] + 1)
        now[0] += 2
        messenger.look()
        wait_until(lambda: [one.state for one in hooks.log(other.id)] == ["delivered"] * times)  # noqa: B023
    assert len(asked) == 1, "one message to a hook at a time"
    assert [one.state for one in hooks.log(slow.id)] == ["waiting"] * 2
    answered.set()

    def told() -> bool:
        messenger.look()
        return [one.state for one in hooks.log(slow.id)] == ["delivered"] * 2

    wait_until(told)


def test_a_look_that_hangs_is_told(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hanging(_hooks: Hooks) -> list[Hook]:
        over.wait(SECONDS_TO_HANG)
        return []

    monkeypatch.setattr(Hooks, "due", hanging)
    monkeypatch.setattr("tuner.serve.messages.messenger.SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr("tuner.serve.looking.SECONDS_FOR_A_LOOK", 0.2)
    messenger = Messenger(hooks)
    messenger.start()
    wait_until(lambda: not messenger.is_well)
    over.set()
    wait_until(lambda: messenger.is_well)
    messenger.close()


def test_a_database_that_is_away_is_told_once(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[None] = []

    def away(_hooks: Hooks) -> list[Hook]:
        looks.append(None)
        raise StoreError("the server is away")

    monkeypatch.setattr(Hooks, "due", away)
    monkeypatch.setattr("tuner.serve.messages.messenger.SECONDS_BETWEEN_LOOKS", 0.001)
    messenger = Messenger(hooks)
    messenger.start()
    wait_until(lambda: len(looks) > 3)
    messenger.close()
    assert caplog.text.count("the server is away") == 1


def test_one_message_that_fails_keeps_no_other_from_being_sent(
    empty: Service,
    hooks: Hooks,
    listener: Listener,
    now: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (hooks.add(f"{listener.url}&n={number}", "ann") for number in (1, 2))
    end(empty, "done", now[0] + 1)
    now[0] += 2
    honest = Sender.send

    def send(self: Sender, hook: Hook, one: Delivery, now: float) -> tuple[bool, str]:
        if hook.id == first.id:
            raise UnicodeEncodeError("ascii", "ü", 0, 1, "nobody has thought of this")
        return honest(self, hook, one, now)

    monkeypatch.setattr(Sender, "send", send)
    look(hooks)
    (failed,), (sent,) = hooks.log(first.id), hooks.log(second.id)
    assert (failed.state, failed.attempts) == ("waiting", 1), "it is tried again later"
    assert "nobody has thought of this" in failed.answer
    assert sent.state == "delivered"


def test_the_messenger_outlives_what_it_does_not_expect(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[int] = []

    def broken(_hooks: Hooks) -> None:
        looks.append(1)
        raise RuntimeError("what nobody has thought of")

    monkeypatch.setattr(Hooks, "due", broken)
    monkeypatch.setattr("tuner.serve.messages.messenger.SECONDS_BETWEEN_LOOKS", 0.01)
    messenger = Messenger(hooks)
    assert messenger.is_well
    messenger.start()
    wait_until(lambda: len(looks) > 1)
    assert messenger.is_well
    messenger.close()
    assert "what nobody has thought of" in caplog.text
