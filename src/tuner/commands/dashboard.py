"""`tuner dashboard`: shows all trials in optuna-dashboard, with the files of studies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

from tuner.commands.options import add_workplace, whole_number, workplace_of
from tuner.commands.parsing import Parser
from tuner.errors import UsageError
from tuner.study.glance import check_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from optuna.storages import BaseStorage

    from tuner.workplace import Workplace

HOST = "127.0.0.1"  # this machine only, because the dashboard asks for no token


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner dashboard",
        description="Browse every trial in optuna-dashboard, with reports, plots and models, "
        "wherever `tuner files` keeps them. Only this machine can reach it. Ctrl-C ends it.",
    )
    made.add_argument(
        "--port", type=whole_number(0, 65535), default=8081, help="port (default 8081)"
    )
    add_workplace(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    workplace = workplace_of(arguments)
    check_store(workplace.url)
    from tuner.depot.use import files_in_use
    from tuner.study.database.storage import open_storage

    storage = open_storage(workplace.url, create=False)
    with files_in_use(workplace.root):
        return _show(storage, workplace, arguments.port)


def _show(storage: BaseStorage, workplace: Workplace, port: int) -> int:
    """Show a store until Ctrl-C; return the exit status."""
    import optuna_dashboard
    from bottle import HTTPError  # the dashboard's web framework
    from optuna.artifacts.exceptions import ArtifactNotFound

    from tuner.study.dashboard import Artifacts

    class Shown(Artifacts):
        """A file that stayed behind when the database was moved is an answer, not a traceback."""

        def open_reader(self, artifact_id: str) -> BinaryIO:
            try:
                return super().open_reader(artifact_id)
            except ArtifactNotFound as error:
                hint = "`tuner report` writes a study's report again"
                raise HTTPError(404, f"{error} in {workplace.root}; {hint}") from error

    depot = workplace.depot
    depot.read_note("any")  # report an unreachable place now, not on a page
    sys.stdout.write(f"The dashboard is on http://{HOST}:{port}/ until Ctrl-C.\n")
    sys.stdout.flush()
    try:
        optuna_dashboard.run_server(storage, host=HOST, port=port, artifact_store=Shown(depot))
    except OSError as error:
        raise UsageError(
            f"nothing can listen on port {port}: {error.strerror or error}; choose "
            "another with --port"
        ) from error
    return 0
