"""Sends mail to the people whom the owner of this machine named when starting the service."""

from __future__ import annotations

import json
import re
import smtplib
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tuner.errors import UsageError, first_line
from tuner.machine import is_this_machine
from tuner.serve.messages.deadlines import cut_off

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SECONDS, SECONDS_IN_ALL = 10.0, 30.0  # for each step of a delivery, and for all of it
TLS_FROM_THE_START, USUAL = 465, 587  # ports (RFC 8314, RFC 6409)
ADDRESS = re.compile(r'[^@\s<>,;:"\\()\[\]]{1,64}@[^@\s<>,;:"\\()\[\]]{1,255}')
SCHEME = "mailto:"
ENDINGS = {"done": "is done", "failed": "has failed", "cancelled": "was cancelled"}
LONGEST_ANSWER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail server, and the recipients.

    A password is only sent over TLS, or to this machine.

    Attributes:
        sender: address that the mail is from.
        recipients: addresses that are told when a study ends.
        user: user name at the server; empty if it requires none.
        site: address of the service for links, such as https://tuner.example.org; empty for no
            links.
    """

    host: str
    port: int = USUAL
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    site: str = ""

    def send(self, recipient: str, number: int, made: float, body: str) -> str:
        """Send a message of a hook as mail; return the server's response.

        Args:
            number: of the message; it determines the Message-ID, which is the same at each attempt.
            made: seconds since 1970.
            body: JSON.

        Raises:
            OSError: the server cannot be reached, is too slow, or rejects the mail.
            UsageError: the password would be sent unencrypted, or cannot be sent.
        """
        letter = self.letter(recipient, number, made, json.loads(body))
        begun: list[smtplib.SMTP] = []
        try:
            with (
                cut_off(SECONDS_IN_ALL, lambda: begun[0].sock if begun else None),
                self._connected(begun) as server,
            ):
                server.send_message(letter)
        except smtplib.SMTPException as error:
            raise OSError(_reason(error)) from None
        except UnicodeError:
            raise UsageError(
                "the name and the password for the mail server have to be ASCII, because "
                "Python's smtplib sends nothing else; start the service with others"
            ) from None
        return "the mail server has taken it"

    def letter(
        self, recipient: str, number: int, made: float, told: dict[str, Any]
    ) -> EmailMessage:
        """Return a message as mail.

        Args:
            told: the JSON object of the message's body.
        """
        letter = EmailMessage()
        letter["From"], letter["To"] = self.sender, recipient
        letter["Date"] = formatdate(made)
        letter["Message-ID"] = f"<tuner-{number}-{int(made)}@{self.sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: asks for no automatic reply
        subject, text = self._words(told["type"], told["timestamp"], told["data"])
        letter["Subject"] = "".join(sign if sign.isprintable() else " " for sign in subject)
        letter.set_content(text)
        return letter

    def _words(self, event: str, moment: str, facts: dict[str, Any]) -> tuple[str, str]:
        if event == "test":
            return "tuner: a test", f"{facts['who']} has sent this test of mail from tuner.\n"
        study, ending = facts["study"], ENDINGS[facts["state"]]
        lines = [
            f"Study {study!r} {ending}.",
            "",
            f"Case: {facts['case']}",
            f"Submitted by: {facts['who']}",
            f"Ended: {moment}",
        ]
        if self.site:
            lines += ["", f"{self.site}/tuner/studies/{quote(study, safe='')}"]
        return f"tuner: study {study!r} {ending}", "\n".join([*lines, ""])

    @contextmanager
    def _connected(self, begun: list[smtplib.SMTP]) -> Iterator[smtplib.SMTP]:
        tls = ssl.create_default_context()
        secure = self.port == TLS_FROM_THE_START
        server = (
            _OverTLS(self.host, self.port, tls, begun)
            if secure
            else _Plain(self.host, self.port, begun)
        )
        with server:
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls(context=tls)
                server.ehlo()
                secure = True
            if self.user:
                if not (secure or is_this_machine(self.host)):
                    raise UsageError(
                        f"the mail server {self.host} offers no TLS on port {self.port}, so the "
                        "password is not sent; choose a port with TLS, often 465 or 587"
                    )
                server.login(self.user, self.password)
            yield server


class _Plain(smtplib.SMTP):
    """A connection that is in `begun` before it connects; smtplib connects in its constructor.

    So a deadline can close it even while it connects.
    """

    def __init__(self, host: str, port: int, begun: list[smtplib.SMTP]) -> None:
        begun.append(self)
        super().__init__(host, port, timeout=SECONDS)


class _OverTLS(smtplib.SMTP_SSL):
    """The same, with TLS from the start."""

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext, begun: list[smtplib.SMTP]
    ) -> None:
        begun.append(self)
        super().__init__(host, port, timeout=SECONDS, context=tls)


def mail_of(
    server: str | None,
    sender: str | None,
    recipients: Sequence[str],
    *,
    user: str | None = None,
    password_file: Path | None = None,
    site: str = "",
) -> Mail | None:
    """Return the mail settings from the options of `tuner serve`; None for no mail.

    Args:
        server: HOST or HOST:PORT.

    Raises:
        UsageError: an option is missing or invalid.
    """
    if not (server or sender or recipients or user or password_file):
        return None
    needed = {"--mail-server": server, "--mail-from": sender, "--mail-to": recipients}
    missing = [name for name, value in needed.items() if not value]
    if missing or not (server and sender):
        raise UsageError(f"mail needs {' and '.join(missing)} too; give all three")
    if bool(user) != (password_file is not None):
        raise UsageError("mail takes --mail-user and --mail-password-file together, or neither")
    for one in (sender, *recipients):
        if not (one.isascii() and one.isprintable() and ADDRESS.fullmatch(one)):
            raise UsageError(f"got the mail address {one!r}; write it like ann@example.org")
    host, port = _place(server)
    return Mail(
        host=host,
        port=port,
        sender=sender,
        recipients=tuple(dict.fromkeys(recipients)),
        user=user or "",
        password="" if password_file is None else _secret(password_file),
        site=site,
    )


def _place(server: str) -> tuple[str, int]:
    found = re.fullmatch(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", server)
    port = int(found[2] or USUAL) if found else 0
    if found is None or not 0 < port < 2**16:
        raise UsageError(f"--mail-server: got {server!r}; write it like mail.example.org:587")
    return found[1].strip("[]"), port


def _secret(path: Path) -> str:
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"the password cannot be read: {first_line(error)}") from error
    if not found:
        raise UsageError(f"{path} has no password in it")
    return found


def _reason(error: smtplib.SMTPException) -> str:
    """Return in one line why a server rejects a mail."""
    said: object = error
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        said = f"{code} {_text(words)}"
    elif isinstance(error, smtplib.SMTPResponseException):
        said = f"{error.smtp_code} {_text(error.smtp_error)}"
    text = " ".join(str(said).split())[:LONGEST_ANSWER]
    return "".join(sign for sign in text if sign.isprintable()) or type(error).__name__


def _text(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words
