"""The audit log: every action of a person, stored in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.serve.tables import Act

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

NEWEST = 500


@dataclass(frozen=True, slots=True)
class Acts:
    """Who did what to what, and when."""

    engine: Engine
    clock: Callable[[], float]

    def note(self, who: str, what: str, on: str) -> None:
        """Add a line."""
        with Session(self.engine) as session, session.begin():
            session.add(Act(at=self.clock(), who=who, what=what, on=on))

    def newest(self) -> Sequence[Act]:
        """Return the newest lines first."""
        with Session(self.engine) as session:
            return session.scalars(select(Act).order_by(Act.id.desc()).limit(NEWEST)).all()
