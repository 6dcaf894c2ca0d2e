"""`tuner files [PLACE]`: show or change where bundles and files of the dashboard are stored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tuner.commands.options import add_workplace, workplace_of
from tuner.commands.parsing import Parser
from tuner.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner files",
        description="Show where models (bundles) and the files of the dashboard are kept. With "
        "PLACE, move them there and keep them there from now on; every command finds "
        "them. If the move is interrupted, run the same command again. It is refused "
        "while a study, a training or tuner dashboard uses the files. S3 needs pip "
        "install 'tuner[s3]'; its keys are read as AWS's own tools read them "
        "(AWS_ACCESS_KEY_ID, ~/.aws), and AWS_ENDPOINT_URL names storage that is not "
        "Amazon's.",
    )
    made.add_argument(
        "place",
        metavar="PLACE",
        nargs="?",
        help="a folder, for example on another disk; s3://BUCKET/PREFIX; or the storage "
        "folder itself, to move them back",
    )
    made.add_argument(
        "--share",
        action="store_true",
        help="use a place where another storage folder keeps its files, for example that of "
        "another machine with the same database; tuner clean then looks for no orphans "
        "there",
    )
    add_workplace(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.share and arguments.place is None:
        raise UsageError("--share is used with a PLACE")
    from tuner.commands.tables import size
    from tuner.runs.folder.moving import contents_of, move

    workplace = workplace_of(arguments)
    if arguments.place is None and not workplace.root.is_dir():
        raise UsageError(f"there is no folder {workplace.root}; name the storage with --home")
    if arguments.place is not None:
        move(
            workplace, arguments.place, lambda text: sys.stderr.write(f"{text}\n"), arguments.share
        )
    found = contents_of(workplace.depot)
    bundles = f"{found.bundles} bundle{'' if found.bundles == 1 else 's'}"
    others = f"{found.artifacts} file{'' if found.artifacts == 1 else 's'} for the dashboard"
    sys.stdout.write(f"{workplace.depot.url}: {bundles}, {others}, {size(found.bytes)}\n")
    return 0
