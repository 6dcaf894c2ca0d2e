"""`tuner submit CASE`: ask a running service to search a case's hyperparameters."""

from __future__ import annotations

import argparse
import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING, cast

from tuner.case.reference import DOORS, door_of
from tuner.commands.asking import add_service, client_of, follow
from tuner.commands.doors import (
    add_door,
    options_of_door,
    options_of_other_doors,
    reference_of,
)
from tuner.commands.parsing import Parser
from tuner.commands.sending import with_data
from tuner.commands.study_options import add_budget, add_repeatability, add_space
from tuner.errors import UsageError
from tuner.naming import last_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.client import StudyOptions

OPTIONS = (
    *("name", "trials", "seeds", "seed", "timeout", "budget", "fix", "tries", "order", "precision"),
    *("metric", "max_parameters", "max_latency_ms", "max_cost", "accept_changes", "settings_of"),
)
ASKING = ("case", "url", "token_file", "key", "watch")


def parser(door: str | None = None) -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports.

    Args:
        door: the door (table or pictures) whose options to add; None for a case.
    """
    made = Parser(
        prog=f"tuner submit {door}" if door else "tuner submit",
        elsewhere=partial(options_of_other_doors, "tuner submit", door),
        description="Submit a study to a running service (tuner serve), with the options of tuner "
        "study. The service queues it and runs it in its own process. No code is sent: "
        "the service must have the case. A table or pictures (--data) are sent, unless "
        "the name is that of data which the service has, like uploads/houses.csv.",
        epilog=f"data of your own: {', '.join(f'tuner submit {one} --help' for one in DOORS)}",
    )
    if door:
        add_door(made, door)
    else:
        made.add_argument(
            "case",
            metavar="CASE",
            nargs="?",
            help="name of a case that the service has (default: that of the study --from)",
        )
    made.add_argument(
        "--from",
        dest="settings_of",
        metavar="STUDY",
        help="use the settings of this study of the service, except where other options are "
        "given; the new study needs a --name. The trials are not copied",
    )
    add_budget(made)
    made.add_argument(
        "--name", help="name of the study (default: that of the case, or of the file of its data)"
    )
    add_space(made)
    add_repeatability(made)
    made.add_argument(
        "--key",
        metavar="TEXT",
        help="a text of your choice: a second submission with the same key makes no second study",
    )
    made.add_argument("--watch", action="store_true", help="watch the study until it has ended")
    add_service(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    typed = sys.argv[1:] if argv is None else list(argv)
    door = door_of(typed[0]) if typed else None
    made = parser(door)
    # An option changes the setting of an earlier study even if its typed value is the default.
    arguments = made.parse_args(
        typed[1:] if door else typed, argparse.Namespace(**dict.fromkeys(OPTIONS))
    )
    _check(made, arguments, door)
    options = {
        name: getattr(arguments, name) for name in OPTIONS if getattr(arguments, name) is not None
    }
    client = client_of(arguments)
    case: str | None = arguments.case if door is None else None
    if door:
        case, name = with_data(client, reference_of(arguments, door))
        options.setdefault("name", name)
    job = client.submit(case, key=arguments.key, **cast("StudyOptions", options))
    print(f"Study {job['study']!r} is {job['state']}: job {job['id']}.", flush=True)
    if arguments.watch:
        return follow(client.watch(job["study"]))
    where = [] if arguments.url == made.get_default("url") else ["--url", arguments.url]
    print(f"To watch it:\n  {shlex.join(['tuner', 'watch', *where, *last_words(job['study'])])}")
    return 0


def _check(made: argparse.ArgumentParser, arguments: argparse.Namespace, door: str | None) -> None:
    """Refuse options that the service does not accept.

    Raises:
        UsageError: an option is only for `tuner study`, or there is nothing to search.
    """
    of_door = {one.name.replace("-", "_") for one in options_of_door(door)} if door else set()
    for name, value in vars(arguments).items():
        known = name in (*OPTIONS, *ASKING) or name in of_door
        if not known and value != made.get_default(name):
            raise UsageError(
                f"the service does not take --{name.replace('_', '-')}; leave it out, or run the "
                "study here: tuner study"
            )
    if door is None and arguments.case is None and arguments.settings_of is None:
        raise UsageError("there is no CASE to search; name one, or an earlier study: --from STUDY")
