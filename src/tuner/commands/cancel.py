"""`tuner cancel STUDY`: ask a running service to stop a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.asking import add_service, client_of, named
from tuner.commands.parsing import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner cancel",
        description="Stop a study of a running service. Finished work is kept, and the study can "
        "be resumed: submit it again, or use its page.",
    )
    made.add_argument("study", metavar="STUDY", help="its name")
    add_service(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    client = client_of(arguments)
    with named(client, arguments.study):
        job = client.cancel(arguments.study)
    now = "is cancelled" if job["state"] == "cancelled" else "will stop in a moment"
    print(f"Study {job['study']!r} {now}. Finished work is kept.")
    return 0
