"""An admin's settings for the disk: scheduled clean-ups, and a budget per study."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from sqlalchemy.orm import Session

from tuner.serve.tables import Setting

if TYPE_CHECKING:
    from sqlalchemy import Engine

NAME = "upkeep"
MOST_BUDGET = 2**30  # MiB
SECONDS_OF_A_DAY = 86_400
MEBIBYTE = 2**20
SCHEDULED = "\t"  # prefix of keys that no person can use: theirs are printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """An admin's settings for the disk.

    Attributes:
        every: days between scheduled clean-ups; 0 for none.
        older_than: days for which a file must be unchanged to be removed.
        budget: MiB for reports, models and weights of a study; 0 for no limit.
    """

    every: int = 0
    older_than: int = 30
    budget: int = 0

    @classmethod
    def of(cls, engine: Engine) -> Self:
        """Read the settings."""
        with Session(engine) as session:
            found = session.get(Setting, NAME)
            return cls() if found is None else cls(**found.value)

    def keep(self, engine: Engine) -> None:
        """Store the settings."""
        with Session(engine) as session, session.begin():
            session.merge(Setting(name=NAME, value=asdict(self)))

    def key(self, now: float) -> str | None:
        """Return the idempotency key of the clean-up that is due; None if none is scheduled.

        Several services, or a restarted one, compute the same key on the same days, so only one
        clean-up is made.
        """
        if not self.every:
            return None
        return f"{SCHEDULED}clean-up {self.every}:{int(now // (self.every * SECONDS_OF_A_DAY))}"
