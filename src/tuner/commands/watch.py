"""`tuner watch STUDY`: shows a study of a running service until it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.commands.asking import add_service, client_of, follow, named
from tuner.commands.parsing import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner watch",
        description="Print a line each time a study of a running service has changed, until it "
        "has ended or is paused. Ctrl-C ends the watching, not the study. The exit status is 0 if "
        "the study is done.",
    )
    made.add_argument("study", metavar="STUDY", help="its name")
    add_service(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    client = client_of(arguments)
    with named(client, arguments.study):
        return follow(client.watch(arguments.study))
