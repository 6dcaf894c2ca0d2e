"""Mail when a study ends, through a real mail server on this machine."""

from __future__ import annotations

import email
import email.policy
import ssl
from asyncio import Server
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.serve.making import client_of, form_key
from tests.serve.test_hooks import PEM, end, look, trickling
from tests.waiting import SECONDS_TO_HANG
from tuner.commands.serve import parser
from tuner.errors import UsageError
from tuner.serve.messages import mailing
from tuner.serve.messages.hooks import PAUSES, Hooks
from tuner.serve.messages.mailing import Mail, mail_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from tuner.serve.service import Service

V1 = "/api/v1"
SECRET = "correct horse"  # of the server below
ANN, BOB = "ann@example.org", "bob@example.org"


class Box:
    """A mail server: it stores the mail it accepts, and gives the next of its responses."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.answers: list[str] = []
        self.logins: list[bool] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.got.append((list(envelope.rcpt_tos), letter))
        return self.answers.pop(0) if self.answers else "250 thank you"

    def login(self, _server: Any, _session: Any, _envelope: Any, _kind: Any, given: Any) -> Any:
        good = isinstance(given, LoginPassword) and given.password == SECRET.encode()
        self.logins.append(good)
        return AuthResult(success=good)


class AnyPort(Controller):
    """A server on any free port."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def port(box: Box, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server; the words of a mark are further options of it."""
    options: dict[str, Any] = {"auth_require_tls": False, "authenticator": box.login}
    options |= getattr(request, "param", {})
    if options.pop("tls", False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        options["tls_context"] = context
    server = AnyPort(box, hostname="127.0.0.1", port=0, ready_timeout=SECONDS_TO_HANG, **options)
    server.start()
    yield server.port
    server.stop()


@pytest.fixture
def mail(port: int) -> Mail:
    return Mail(host="127.0.0.1", port=port, sender="tuner@example.org", recipients=(ANN,))


@pytest.fixture
def now() -> list[float]:
    return [1_000_000.0]


def hooks_of(service: Service, mail: Mail | None, now: list[float]) -> Hooks:
    made = Hooks(service.storage.engine, clock=lambda: now[0], mail=mail)
    made.note_recipients("the start")
    return made


@pytest.mark.parametrize(
    ("state", "words"), [("done", "is done"), ("failed", "has failed"), ("cancelled", "was")]
)
def test_the_end_of_a_study_is_told_once(
    empty: Service, box: Box, mail: Mail, now: list[float], state: str, words: str
) -> None:
    end(empty, "done", now[0] - 1)  # before there was a recipient
    hooks = hooks_of(empty, replace(mail, site="https://tuner.example.org"), now)
    end(empty, state, now[0] + 1)
    now[0] += 2
    for _ in range(2):
        look(hooks)
    ((recipients, letter),) = box.got
    assert (recipients, letter["To"], letter["From"]) == ([ANN], ANN, "tuner@example.org")
    assert letter["Subject"].startswith(f"tuner: study 'tiny' {words}")
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content().replace("\r\n", "\n")
    assert "Case: tiny\n" in text
    assert "https://tuner.example.org/tuner/studies/tiny\n" in text
    (sent,) = hooks.log(hooks.all()[0].id)
    assert (sent.state, sent.attempts, sent.answer) == (
        *("delivered", 1),
        "the mail server has taken it",
    )


@pytest.mark.slow
def test_it_is_sent_again_with_the_same_id_until_it_is_given_up(
    empty: Service, box: Box, mail: Mail, now: list[float]
) -> None:
    hooks = hooks_of(empty, mail, now)
    end(empty, "failed", now[0])
    box.answers = ["451 later", "554 5.7.1 not from you"] + ["450 no"] * len(PAUSES)
    said = []
    for pause in PAUSES:
        look(hooks)
        (sent,) = hooks.log(1)
        assert (sent.state, sent.due) == ("waiting", now[0] + pause)
        said.append(sent.answer)
        now[0] += pause
    look(hooks)
    (sent,) = hooks.log(1)
    assert (sent.state, sent.attempts) == ("failed", len(PAUSES) + 1)
    assert said[:2] == ["451 later", "554 5.7.1 not from you"]
    assert len({letter["Message-ID"] for _, letter in box.got}) == 1
    assert len({letter["Date"] for _, letter in box.got}) == 1


def test_no_server_is_an_answer_not_an_error(empty: Service, now: list[float]) -> None:
    gone = Mail(host="127.0.0.1", port=1, sender=BOB, recipients=(ANN,))
    hooks = hooks_of(empty, gone, now)
    sent = hooks.try_out(1, "ann")
    assert (sent.state, "refused" in sent.answer) == ("failed", True)


def test_the_page_shows_it_and_sends_a_test(
    empty: Service, box: Box, mail: Mail, now: list[float]
) -> None:
    service = replace(empty, hooks=hooks_of(empty, mail, now))
    client = client_of(service)
    key = form_key(client, "/tuner/hooks")
    assert client.post("/tuner/hooks/1/test", data={"form_key": key}).status_code == 303
    ((_, letter),) = box.got
    assert letter["Subject"] == "tuner: a test"
    assert "owner has sent this test" in letter.get_content()
    shown = client.get("/tuner/hooks").text
    assert f"mailto:{ANN}" in shown
    assert "the mail server has taken it" in shown
    (hook,) = client.get(f"{V1}/hooks").json()["hooks"]
    assert (hook["host"], hook["who"]) == (f"mailto:{ANN}", "the start")
    assert client.post(f"{V1}/hooks/1/test", json={}).json()["state"] == "delivered"
    refused = client.post(f"{V1}/hooks", json={"url": f"mailto:{BOB}"})
    assert refused.status_code == 400, "whom mail goes to is said at the start alone"


def test_a_service_tells_those_that_its_own_start_has_named(
    empty: Service, box: Box, mail: Mail, now: list[float]
) -> None:
    hooks_of(empty, mail, now)
    others = hooks_of(empty, replace(mail, recipients=(BOB,)), now)
    end(empty, "done", now[0] + 1)
    now[0] += 2
    look(others)
    assert [recipients for recipients, _ in box.got] == [[BOB]]
    assert others.log(1) == [], "the service that knows ann tells her"
    sent = others.try_out(1, "ann")
    assert (sent.state, "without mail to that address" in sent.answer) == ("failed", True)
    again = hooks_of(empty, mail, now)
    assert [one.url for one in again.all()] == [f"mailto:{ANN}", f"mailto:{BOB}"], "noted once"


@pytest.mark.parametrize("port", [{"tls": True, "auth_require_tls": True}], indirect=True)
@pytest.mark.parametrize(("password", "good"), [(SECRET, True), ("guess", False)])
@pytest.mark.slow
def test_a_password_goes_over_tls(
    monkeypatch: pytest.MonkeyPatch,
    empty: Service,
    box: Box,
    mail: Mail,
    now: list[float],
    password: str,
    good: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    if not good:  # the server does not respond
        monkeypatch.setattr("tuner.serve.messages.mailing.SECONDS", 1.0)
    hooks = hooks_of(empty, replace(mail, user="tuner", password=password), now)
    sent = hooks.try_out(1, "ann")
    assert (sent.state, bool(box.got)) == (("delivered", True) if good else ("failed", False))
    assert box.logins[0] is good
    assert password not in sent.answer


@pytest.mark.parametrize("port", [{"tls": True}], indirect=True)
def test_a_certificate_that_nobody_trusts_is_refused(
    empty: Service, box: Box, mail: Mail, now: list[float]
) -> None:
    sent = hooks_of(empty, replace(mail, user="tuner", password=SECRET), now).try_out(1, "ann")
    assert (sent.state, "certificate verify failed" in sent.answer) == ("failed", True)
    assert (box.got, box.logins) == ([], [])


def test_a_password_is_not_sent_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, empty: Service, box: Box, mail: Mail, now: list[float]
) -> None:
    monkeypatch.setattr("tuner.serve.messages.mailing.is_this_machine", lambda _: False)
    sent = hooks_of(empty, replace(mail, user="tuner", password=SECRET), now).try_out(1, "ann")
    assert (sent.state, "offers no TLS" in sent.answer) == ("failed", True)
    assert (box.got, box.logins) == ([], [])


BEGINNINGS = [b"", b"220 hello\r\n", b"220 hello\r\n250 a\r\n250 b\r\n"]


def test_no_name_adds_a_header(mail: Mail) -> None:
    facts = {"study": "a\r\nBcc: evil@example.org", "case": "c", "who": "w", "state": "done"}
    told = {"type": "study.done", "timestamp": "now", "data": facts}
    read = email.message_from_bytes(bytes(mail.letter(ANN, 1, 0.0, told)))
    assert read["Bcc"] is None
    assert read.keys() == mail.letter(ANN, 1, 0.0, {**told, "data": facts | {"study": "a"}}).keys()


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_an_answer_that_never_ends_is_cut_off(
    mail: Mail, beginning: bytes, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    monkeypatch.setattr(mailing, "SECONDS_IN_ALL", 0.5)
    told = '{"type": "test", "timestamp": "now", "data": {"who": "ann"}}'
    with trickling(beginning, tls) as port:
        monkeypatch.setattr(mailing, "TLS_FROM_THE_START", port if tls else 465)
        with pytest.raises(OSError, match=r"no whole answer within 0\.5 s"):
            replace(mail, port=port).send(ANN, 1, 0.0, told)


def test_a_name_of_any_language_arrives(
    empty: Service, box: Box, mail: Mail, now: list[float]
) -> None:
    hooks = hooks_of(empty, mail, now)
    client_of(empty).post(f"{V1}/studies", json={"case": "tiny", "name": "häuser 房子"})
    queue = type(empty.queue)(empty.storage.engine, lambda: now[0])
    job = queue.claim("a service")
    assert job is not None
    queue.end(job.id, "a service", "done", "")
    look(hooks)
    ((_, letter),) = box.got
    assert letter["Subject"] == "tuner: study 'häuser 房子' is done"
    assert "häuser 房子" in letter.get_content()


def options(tmp_path: Path, *words: str) -> Mail | None:
    given = parser().parse_args([word.format(tmp=tmp_path) for word in words])
    return mail_of(
        *(given.mail_server, given.mail_from, given.mail_to),
        user=given.mail_user,
        password_file=given.mail_password_file,
    )


ALL = ("--mail-server=m.example.org", f"--mail-from={BOB}", f"--mail-to={ANN}")


def test_the_options_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert options(tmp_path) is None
    plain = Mail(host="m.example.org", port=587, sender=BOB, recipients=(ANN,))
    assert options(tmp_path, *ALL, f"--mail-to={ANN}") == plain
    known = ("--mail-user=tuner", "--mail-password-file={tmp}/secret")
    found = options(tmp_path, "--mail-server=[::1]:465", *ALL[1:], *known)
    assert found == replace(plain, host="::1", port=465, user="tuner", password=SECRET)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (ALL[:1], "mail needs --mail-from and --mail-to too"),
        (ALL[1:], "mail needs --mail-server too"),
        (("--mail-user=tuner",), "mail needs --mail-server"),
        ((*ALL, "--mail-user=tuner"), "together, or neither"),
        ((*ALL, "--mail-user=tuner", "--mail-password-file={tmp}/none"), "cannot be read"),
        ((*ALL, "--mail-user=tuner", "--mail-password-file={tmp}/empty"), "has no password"),
        ((*ALL, "--mail-to=ann"), "got the mail address 'ann'"),
        ((*ALL, "--mail-to=a@b\r\nBcc: c@d"), "got the mail address"),
        ((*ALL, "--mail-to=a@b,c@d"), "got the mail address"),
        (("--mail-server=a:99999", *ALL[1:]), "--mail-server: got 'a:99999'"),
        (("--mail-server=a b", *ALL[1:]), "--mail-server: got 'a b'"),
        (("--mail-server=u:p@host", *ALL[1:]), "--mail-server: got"),
    ],
)
def test_options_that_cannot_be_used_are_explained(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(UsageError) as raised:
        options(tmp_path, *words)
    assert said in str(raised.value)
