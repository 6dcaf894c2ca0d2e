"""Who may do what: tokens that are stored as hashes, browser sessions, and failed attempts.

A token is 256 random bits, so its SHA-256 needs neither a salt nor a slow hash.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tuner.errors import UsageError, unknown_name
from tuner.serve.tables import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may
PREFIX = "tuner_"
SECONDS_OF_A_SESSION = 12 * 3600
MOST_FAILURES, SECONDS_OF_FAILURES = 5, 60.0
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Person:
    """The person behind a request.

    Attributes:
        session: identifies a browser; empty for a program.
        digest: of their token; empty if they need none.
    """

    name: str
    role: Role
    session: str = ""
    digest: str = ""

    def may(self, role: Role) -> bool:
        """Whether they may do something that requires this role."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens in the database."""

    engine: Engine
    clock: Callable[[], float] = time.time

    def create(self, name: str, role: str, days: int | None = None) -> str:
        """Make a token and return it; it is shown only once.

        Args:
            name: of its owner, for the audit log.
            days: after which it expires; None if it does not.

        Raises:
            UsageError: there is no such role, or the name is taken or invalid.
        """
        if role not in ROLES:
            raise unknown_name("role", "roles", role, ROLES)
        if not name or not name.isprintable() or len(name) > LONGEST_NAME:
            raise UsageError(f"the name {name!r} cannot be used; it takes 1 to 100 letters")
        token = PREFIX + secrets.token_urlsafe(32)
        now = self.clock()
        made = Token(
            name=name,
            digest=_digest(token),
            role=role,
            made=now,
            expires=None if days is None else now + days * 86400,
        )
        try:
            with Session(self.engine) as session, session.begin():
                session.add(made)
        except IntegrityError as error:
            raise UsageError(
                f"there is already a token {name!r}; revoke it, or choose another name"
            ) from error
        return token

    def all(self) -> Sequence[Token]:
        """Return all tokens, as stored, which cannot be used to log in."""
        with Session(self.engine) as session:
            return session.scalars(select(Token).order_by(Token.name)).all()

    def exist(self) -> bool:
        """Whether there are any, including expired ones."""
        with Session(self.engine) as session:
            return session.scalar(select(Token.id).limit(1)) is not None

    def find(self, token: str) -> Person | None:
        """Return the owner of a token; None if it is unknown or has expired."""
        return self.of_digest(_digest(token))

    def of_digest(self, digest: str) -> Person | None:
        """Return the owner of the token with this SHA-256; None if it is no longer valid."""
        with Session(self.engine) as session:
            found = session.scalar(select(Token).where(Token.digest == digest))
        if found is None or (found.expires is not None and found.expires < self.clock()):
            return None
        role = next(role for role in ROLES if role == found.role)
        return Person(found.name, role, digest=digest)

    def still_open(self, person: Person) -> bool:
        """Whether a person who was given access would still get it now."""
        if not person.digest:
            return not self.exist()
        return self.of_digest(person.digest) is not None

    def revoke(self, name: str) -> None:
        """Delete a token, which also ends its sessions.

        Raises:
            UsageError: there is no token of that name.
        """
        with Session(self.engine) as session, session.begin():
            found = session.scalar(select(Token).where(Token.name == name))
            if found is None:
                names = session.scalars(select(Token.name)).all()
                raise unknown_name("token", "tokens", name, names)
            session.delete(found)


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of browsers that have sent a token. They are lost when the service ends.

    They store the token's digest and not its name, because the name can be given to a new token.
    """

    clock: Callable[[], float] = time.time
    known: dict[str, tuple[str, float]] = field(default_factory=dict)

    def begin(self, person: Person) -> str:
        """Start a session for a person who has sent a token; return its key."""
        now = self.clock()
        for key in [key for key, (_, end) in list(self.known.items()) if end < now]:
            self.known.pop(key, None)
        key = secrets.token_urlsafe(32)
        self.known[key] = (person.digest, now + SECONDS_OF_A_SESSION)
        return key

    def digest_of(self, key: str) -> str | None:
        """Return the digest of a session's token; None if the session has ended or is unknown."""
        digest, end = self.known.get(key, (None, 0.0))
        return digest if end > self.clock() else None

    def end(self, key: str) -> None:
        """End a session."""
        self.known.pop(key, None)


@dataclass(frozen=True, slots=True)
class Failures:
    """Counts failed attempts by address: after a few, wrong tokens get 429 for a minute.

    A right token is still accepted: a program with an old token may share its address with others.
    """

    clock: Callable[[], float] = time.monotonic
    seen: dict[str, deque[float]] = field(default_factory=dict)

    def note(self, address: str) -> None:
        """Count a failed attempt."""
        self.seen.setdefault(address, deque(maxlen=MOST_FAILURES)).append(self.clock())

    def too_many(self, address: str) -> bool:
        """Whether the address has to wait."""
        for one in [one for one, times in list(self.seen.items()) if self._are_over(times)]:
            self.seen.pop(one, None)
        return len(self.seen.get(address, ())) == MOST_FAILURES

    def _are_over(self, times: deque[float]) -> bool:
        return times[-1] < self.clock() - SECONDS_OF_FAILURES


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
