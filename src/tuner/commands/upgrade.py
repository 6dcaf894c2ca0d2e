"""`tuner upgrade`: bring the service's tables up to date, after a backup."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.options import add_workplace, workplace_of
from tuner.commands.parsing import Parser
from tuner.errors import UsageError
from tuner.study.glance import check_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner upgrade",
        description="Bring the tables of the service (tuner serve) up to date, after an update of "
        "tuner. A backup of all studies is made first. Stop the service first.",
    )
    add_workplace(made)
    made.add_argument(
        "--backup",
        type=Path,
        metavar="FILE",
        help="to write the backup to (.zip; default: a file with the time in its name, beside the "
        "storage folder)",
    )
    made.add_argument(
        "--backed-up",
        action="store_true",
        help="make no backup, because you have one: a database on a server needs its own tool, "
        "pg_dump",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    workplace = workplace_of(arguments)
    check_url(workplace.url)
    if arguments.backup is not None and arguments.backed_up:
        raise UsageError("--backup and --backed-up contradict each other; give one of them")
    from tuner.runs.folder.backup import back_up
    from tuner.serve.schema import newest, upgrade, version_in
    from tuner.study.database.storage import open_storage

    engine = open_storage(workplace.url, create=False).engine
    with engine.connect() as connection:
        found = version_in(connection)
    if found in {None, newest()}:
        why = "no service has used this database" if found is None else "it is up to date"
        print(f"Nothing to do: {why}.")
        return 0
    if not arguments.backed_up:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        root = workplace.root.resolve()
        path = arguments.backup or root.with_name(f"{root.name}-before-upgrade-{stamp}.zip")
        print(f"Backup: {back_up(workplace, path).path}")
    upgrade(engine)
    print(f"The service's tables went from version {found} to {newest()}.")
    return 0
