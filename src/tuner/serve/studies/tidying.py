"""Tags of studies, and the archive."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.tables import Archived, Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Engine

MOST_TAGS, LONGEST_TAG = 20, 50


@dataclass(frozen=True, slots=True)
class Tidying:
    """The tags and the archive, in the database."""

    engine: Engine
    clock: Callable[[], float] = time.time

    def tags(self) -> dict[str, list[str]]:
        """Return the tags of each study that has any."""
        found: dict[str, list[str]] = defaultdict(list)
        with Session(self.engine) as session:
            for study, tag in session.execute(select(Tag.study, Tag.tag).order_by(Tag.tag)):
                found[study].append(tag)
        return dict(found)

    def tags_of(self, study: str) -> list[str]:
        """Return the tags of a study."""
        with Session(self.engine) as session:
            wanted = select(Tag.tag).where(Tag.study == study).order_by(Tag.tag)
            return list(session.scalars(wanted))

    def tag(self, study: str, given: Iterable[str]) -> list[str]:
        """Replace the tags of a study; return them sorted.

        Raises:
            UsageError: there are too many, or one is invalid.
        """
        tags = sorted({one.strip() for one in given} - {""})
        if len(tags) > MOST_TAGS:
            raise UsageError(
                said(
                    "got {count} tags; a study has at most {most_tags}",
                    count=len(tags),
                    most_tags=MOST_TAGS,
                )
            )
        for one in tags:
            if len(one) > LONGEST_TAG or not one.isprintable() or "," in one:
                raise UsageError(
                    said(
                        "the tag {one!r} takes 1 to {longest_tag} printable characters, and no "
                        "comma",
                        one=one,
                        longest_tag=LONGEST_TAG,
                    )
                )
        with Session(self.engine) as session, session.begin():
            session.execute(delete(Tag).where(Tag.study == study))
            session.add_all(Tag(study=study, tag=one) for one in tags)
        return tags

    def archived(self) -> set[str]:
        """Return the names of archived studies."""
        with Session(self.engine) as session:
            return set(session.scalars(select(Archived.study)))

    def is_archived(self, study: str) -> bool:
        """Whether a study is archived."""
        with Session(self.engine) as session:
            return session.get(Archived, study) is not None

    def archive(self, study: str, who: str) -> None:
        """Archive a study."""
        with Session(self.engine) as session, session.begin():
            session.merge(Archived(study=study, who=who, at=self.clock()))

    def bring_back(self, study: str) -> None:
        """Unarchive a study."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(Archived).where(Archived.study == study))
