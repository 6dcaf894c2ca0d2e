"""Delivers a message to a hook: posted to an address with a signature, or sent as mail.

Signatures follow the Standard Webhooks specification (standardwebhooks.com): an HMAC over the
message's id, the time and the body.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.errors import UsageError
from tuner.serve.messages.mailing import SCHEME
from tuner.serve.messages.posting import address_of, post, target_of

if TYPE_CHECKING:
    from tuner.serve.messages.mailing import Mail
    from tuner.serve.tables import Delivery, Hook

PREFIX = "whsec_"  # of a secret


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends messages.

    Attributes:
        allowed: hosts that may be in a private network.
        mail: how to send mail, and to whom; None if mail is not set up.
    """

    allowed: frozenset[str]
    mail: Mail | None

    def check(self, url: str) -> None:
        """Refuse an address to which no message may be posted.

        Raises:
            UsageError: it does not begin with https://, or is not on the public Internet.
        """
        address_of(target_of(url), self.allowed)

    def send(self, hook: Hook, one: Delivery, now: float) -> tuple[bool, str]:
        """Send a message once; return whether it was accepted, and the response.

        Args:
            now: seconds since 1970, for the signature.

        Raises:
            UsageError: the address cannot be used, or this service may not send to it.
            OSError: the recipient cannot be reached, or is too slow.
        """
        return self._mail(hook, one) if is_mail(hook) else self._post(hook, one, now)

    def serves(self, hook: Hook) -> bool:
        """Whether this service sends to a hook; another service on the database may differ."""
        named = self.mail.recipients if self.mail else ()
        return not is_mail(hook) or hook.url.removeprefix(SCHEME) in named

    def _post(self, hook: Hook, one: Delivery, now: float) -> tuple[bool, str]:
        target = target_of(hook.url)
        status, said = post(
            target,
            address_of(target, self.allowed),  # resolved again: the name may lead elsewhere by now
            one.body.encode(),
            _signed(hook.secret, f"msg_{one.id}", int(now), one.body),
        )
        return 200 <= status < 300, f"{status} {said}".strip()

    def _mail(self, hook: Hook, one: Delivery) -> tuple[bool, str]:
        if self.mail is None or not self.serves(hook):
            raise UsageError(
                "this service was started without mail to that address; start it with --mail-to, "
                "or remove the address"
            )
        recipient = hook.url.removeprefix(SCHEME)
        return True, self.mail.send(recipient, one.id, one.made, one.body)


def new_secret() -> str:
    """Return a new random secret for signing the messages to a hook."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _signed(secret: str, number: str, seconds: int, body: str) -> dict[str, str]:
    """Return the headers of a message: its id, the time in seconds since 1970, the signature."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    made = hmac.new(key, f"{number}.{seconds}.{body}".encode(), "sha256").digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "tuner",
        "webhook-id": number,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(made).decode()}",
    }


def is_mail(hook: Hook) -> bool:
    """Whether a hook gets mail."""
    return hook.url.startswith(SCHEME)


def place_of(hook: Hook) -> str:
    """Return the address of a hook without its path, which may contain a secret."""
    if is_mail(hook):
        return hook.url
    return f"https://{target_of(hook.url).host}/..."
