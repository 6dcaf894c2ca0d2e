"""The service's rows about a study, which are read, renamed and deleted with the study.

The service is in a room above this one and may not exist: studies are also renamed and deleted from
the command line. So its tables are known here only by name, and only if they exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import JSON, column, delete, inspect, select, table, update

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql import TableClause

OF_ONE = ("tuner_tags", "tuner_archived")  # by study; a new one of that name begins anew
JOBS, PROMOTIONS = "tuner_jobs", "tuner_promotions"
OVER = ("paused", "done", "failed", "cancelled")
DELETED = "deleted"  # an option of a job: its study was deleted


def rename_rows(connection: Connection, old: str, new: str) -> None:
    """Rename a study in all rows of it, and in those of studies that began with its trials."""
    for found in _there(connection, OF_ONE):
        connection.execute(delete(found).where(found.c.study == new))
    for found in _there(connection, (*OF_ONE, JOBS, PROMOTIONS)):
        connection.execute(update(found).where(found.c.study == old).values(study=new))
    for jobs in _there(connection, (JOBS,)):
        for number, options in connection.execute(select(jobs.c.id, jobs.c.options)).all():
            if options.get("parent") == old:
                told = {**options, "parent": new}
                connection.execute(update(jobs).where(jobs.c.id == number).values(options=told))


def forget_rows(connection: Connection, name: str) -> None:
    """Delete a study's tags and archive state, and mark its ended jobs as done.

    The jobs record that the study was deleted, so that none of them searches in a new study of that
    name. The ledger of models stays unchanged: it is history.
    """
    for found in _there(connection, OF_ONE):
        connection.execute(delete(found).where(found.c.study == name))
    for jobs in _there(connection, (JOBS,)):
        over = jobs.c.study == name, jobs.c.state.in_(OVER)
        for number, options in connection.execute(select(jobs.c.id, jobs.c.options).where(*over)):
            told = {**options, DELETED: True}
            changed = update(jobs).where(jobs.c.id == number).values(state="done", options=told)
            connection.execute(changed)


def jobs_in(connection: Connection) -> list[tuple[int, str, str]]:
    """Return the number, study and state of each job of the service."""
    return [
        (number, study, state)
        for jobs in _there(connection, (JOBS,))
        for number, study, state in connection.execute(
            select(jobs.c.id, jobs.c.study, jobs.c.state)
        )
    ]


def _there(connection: Connection, names: tuple[str, ...]) -> list[TableClause]:
    """Return those of the service's tables that exist in this database."""
    known = inspect(connection)
    return [
        table(name, column("id"), column("study"), column("state"), column("options", JSON))
        for name in names
        if known.has_table(name)
    ]
