"""Rows of the service that name a study: read, and renamed and forgotten with it.

The service stands above us, and need not be there: a study is renamed and deleted from the command
line, too. So its tables are known here by their names, and only those that there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import JSON, column, delete, inspect, select, table, update

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql import TableClause

OF_ONE = ("tuner_tags", "tuner_archived")  # keyed by the study: another of that name begins anew
JOBS, PROMOTIONS = "tuner_jobs", "tuner_promotions"
OVER = ("paused", "done", "failed", "cancelled")
DELETED = "deleted"  # among the options of a job: its study was


def rename_rows(connection: Connection, old: str, new: str) -> None:
    """Have all rows of a study, and those of studies that begin with its trials, name it anew."""
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
    """Forget what was put in order about a study; its jobs that are over count as done.

    They remember that it was deleted, so that none of them searches in a study of that name again.

    The ledger of models stays as it is: what was current is history.
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
    """Return number, study and state of each job of the service."""
    return [
        (number, study, state)
        for jobs in _there(connection, (JOBS,))
        for number, study, state in connection.execute(
            select(jobs.c.id, jobs.c.study, jobs.c.state)
        )
    ]


def _there(connection: Connection, names: tuple[str, ...]) -> list[TableClause]:
    """Return those of the service's tables that this database has."""
    known = inspect(connection)
    return [
        table(name, column("id"), column("study"), column("state"), column("options", JSON))
        for name in names
        if known.has_table(name)
    ]
