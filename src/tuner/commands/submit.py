"""`tuner submit CASE`: have a running service search a case's hyperparameters."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from tuner.commands.asking import add_service, client_of, follow
from tuner.commands.parsing import Parser
from tuner.commands.study import add_budget, add_repeatability, add_space
from tuner.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from tuner.client import StudyOptions

OPTIONS = (
    *("name", "trials", "seeds", "seed", "timeout", "budget", "fix", "tries", "order", "precision"),
    *("metric", "max_parameters", "max_latency_ms", "accept_changes"),
)
ASKING = ("case", "url", "token_file", "key", "watch")


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; it imports nothing that is slow to import."""
    made = Parser(
        prog="tuner submit",
        description="Submit a study to a running service (tuner serve), with the options of tuner "
        "study. The service queues it and runs it in a process of its own. No code is sent: the "
        "case is one that the service has.",
    )
    made.add_argument("case", metavar="CASE", help="name of a case that the service has")
    add_budget(made)
    made.add_argument("--name", help="name of the study (default: that of the case)")
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
    made = parser()
    arguments = made.parse_args(argv)
    given = {
        name: value for name, value in vars(arguments).items() if value != made.get_default(name)
    }
    for name in given:
        if name not in (*OPTIONS, *ASKING):
            raise UsageError(
                f"the service does not take --{name.replace('_', '-')}; leave it out, or run the "
                "study here: tuner study"
            )
    options = cast("StudyOptions", {name: given[name] for name in OPTIONS if name in given})
    client = client_of(arguments)
    job = client.submit(arguments.case, key=arguments.key, **options)
    print(f"Study {job['study']!r} is {job['state']}: job {job['id']}.", flush=True)
    if arguments.watch:
        return follow(client.watch(job["study"]))
    where = [] if arguments.url == made.get_default("url") else ["--url", arguments.url]
    print(f"To watch it:\n  {shlex.join(['tuner', 'watch', *where, job['study']])}")
    return 0
