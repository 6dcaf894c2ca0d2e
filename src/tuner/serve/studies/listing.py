"""The sorted list of studies, in which only changed rows are made again."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from tuner.errors import UsageError
from tuner.serve.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tuner.runs.folder.inventory import Entry
    from tuner.serve.studies.searches import Search

Key = tuple[str, int, str]  # of the order: time, number of the job, name
FIRST: Key = ("\U0010ffff", 0, "")  # sorts before all rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A study in the list.

    Attributes:
        state: of its job while that is open; otherwise the study's progress.
        total: number of finished trials it ends with; None if the service did not start it.
    """

    name: str
    case: str
    state: str
    trials: int
    total: int | None
    metric: str
    best: float | None
    baseline: float | None
    split: str
    verdict: str
    who: str
    when: str | None
    job: int | None
    tags: list[str] = field(default_factory=list)
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which rows of the list to return; by default all that are not archived.

    Attributes:
        words: that the name, case, verdict, submitter or a tag must contain.
        state: state that they must have; empty for any.
        tag: tag that they must have; empty for any.
        archived: whether to return archived studies instead of the others.
    """

    words: str = ""
    state: str = ""
    tag: str = ""
    archived: bool = False


ALL = Filter()


class _Made(NamedTuple):
    """A row, and what it was made from.

    Attributes:
        key: its position in the list.
        told: its searchable text, in lower case.
    """

    of: tuple[Entry | None, Search | None, list[str], bool]
    row: Row
    key: Key
    told: str


class Part(NamedTuple):
    """A part of the list.

    Attributes:
        cursor: for requesting the next part; None if there is none.
    """

    rows: list[Row]
    cursor: str | None


@dataclass(slots=True)
class Listing:
    """Rows of studies, the newest first."""

    _made: dict[str, _Made] = field(default_factory=dict)
    _ordered: list[_Made] = field(default_factory=list)

    def update(
        self,
        entries: Mapping[str, Entry],
        jobs: Mapping[str, Search],
        tags: Mapping[str, list[str]],
        archived: set[str],
    ) -> None:
        """Make rows for studies, and for jobs that have no study yet.

        Args:
            entries: the result of each study, by name; a changed one is a new object.
            jobs: the newest search of each study, by name.
            tags: of each study that has any.
            archived: names of studies.
        """
        waiting = {
            name: job
            for name, job in jobs.items()
            if job.state != "done" and name not in entries  # else the study was deleted or renamed
        }
        known, none, changed = self._made, list[str](), False
        for name in [*waiting, *entries]:
            of = entries.get(name), jobs.get(name), tags.get(name, none), name in archived
            was = known.get(name)
            if was is None or was.of[0] is not of[0] or was.of[1:] != of[1:]:
                known[name] = _made(name, of)
                changed = True
        if len(known) > len(waiting) + len(entries):
            for name in [one for one in known if one not in entries and one not in waiting]:
                del known[name]
            changed = True
        if changed:
            self._ordered = sorted(known.values(), key=lambda one: one.key, reverse=True)

    def rows(self, asked: Filter = ALL) -> list[Row]:
        """Return the rows that match a filter."""
        return [one.row for one in self._asked(asked)]

    def part(self, limit: int, cursor: str | None = None, asked: Filter = ALL) -> Part:
        """Return up to `limit` rows, those after a cursor.

        A study that begins or runs again during the reading moves to the front; no other is missed
        or repeated.

        Raises:
            UsageError: the cursor is invalid.
        """
        after = FIRST if cursor is None else _key(cursor)
        found = (one for one in self._asked(asked) if one.key < after)
        part = list(islice(found, limit + 1))
        more = len(part) > limit
        last = _cursor(part[limit - 1].key) if more else None
        return Part([one.row for one in part[:limit]], last)

    def _asked(self, asked: Filter) -> Iterator[_Made]:
        words = asked.words.casefold().split()
        return (
            one
            for one in self._ordered
            if one.row.archived == asked.archived
            and (not asked.state or one.row.state == asked.state)
            and (not asked.tag or asked.tag in one.row.tags)
            and (not words or all(word in one.told for word in words))
        )


def row_facts(row: Row) -> dict[str, Any]:
    """Return a row of the list as plain values."""
    return {name: getattr(row, name) for name in Row.__slots__}


def _made(name: str, of: tuple[Entry | None, Search | None, list[str], bool]) -> _Made:
    row = _row(name, *of)
    told = f"{name} {row.case} {row.verdict} {row.who} {' '.join(row.tags)}".casefold()
    return _Made(of, row, (row.when or "", row.job or 0, name), told)


def _row(
    name: str, entry: Entry | None, job: Search | None, tags: list[str], archived: bool
) -> Row:
    is_open = job is not None and job.state != "done"
    return Row(
        name=name,
        case=entry.case if entry else job.case if job else "",
        state=job.state if job and (is_open or not entry) else entry.state if entry else "",
        trials=entry.trials if entry else 0,
        total=job.total if job else None,
        metric=entry.metric if entry else "",
        best=entry.best if entry else None,
        baseline=entry.baseline if entry else None,
        split=entry.split if entry else "",
        verdict=entry.verdict if entry else "",
        who=job.who if job else "",
        when=(entry.when if entry else None) or (iso(job.submitted) if job else None),
        job=job.id if job else None,
        tags=tags,
        archived=archived,
    )


def _cursor(key: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _key(cursor: str) -> Key:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        when, job, name = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, TypeError, RecursionError) as error:
        raise _no_cursor(cursor) from error
    if not (isinstance(when, str) and type(job) is int and isinstance(name, str)):
        raise _no_cursor(cursor)
    return when, job, name


def _no_cursor(cursor: str) -> UsageError:
    return UsageError(
        f"cursor: got {cursor[:80]!r}; it takes what `next` was in the answer before, or nothing"
    )
