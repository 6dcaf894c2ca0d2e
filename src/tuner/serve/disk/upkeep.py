"""What an admin has set for the disk: a clean-up on a schedule, and a budget a study."""

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
SCHEDULED = "\t"  # begins keys that nobody else can give: those of people are printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What is set.

    Attributes:
        every: days between clean-ups; 0: there is none on a schedule.
        older_than: days that a file has to be unchanged to go.
        budget: MiB that reports, models and weights of a study may use; 0: there is no limit.
    """

    every: int = 0
    older_than: int = 30
    budget: int = 0

    @classmethod
    def of(cls, engine: Engine) -> Self:
        """Read it."""
        with Session(engine) as session:
            found = session.get(Setting, NAME)
            return cls() if found is None else cls(**found.value)

    def keep(self, engine: Engine) -> None:
        """Set it."""
        with Session(engine) as session, session.begin():
            session.merge(Setting(name=NAME, value=asdict(self)))

    def key(self, now: float) -> str | None:
        """Return the idempotency key of the clean-up that is due; None: none is scheduled.

        Several services, or one that is started again, have the same key in the same days: one
        clean-up is made.
        """
        if not self.every:
            return None
        return f"{SCHEDULED}clean-up {self.every}:{int(now // (self.every * SECONDS_OF_A_DAY))}"
