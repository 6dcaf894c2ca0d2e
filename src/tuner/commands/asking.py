"""Options of commands that talk to a running service, and the connection to it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.client import Client
from tuner.client.client import LOCAL
from tuner.errors import ServiceError, UsageError, unknown_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from tuner.client.answers import Study


UNKNOWN = (400, 404)  # HTTP statuses for an unknown name


def add_service(parser: argparse.ArgumentParser) -> None:
    """Add the options that select the service."""
    parser.add_argument(
        "--url", default=LOCAL, metavar="URL", help=f"address of the service (default {LOCAL})"
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with the token, if the service asks for one (tuner token create); a token on a "
        "command line could be read by everybody on this machine",
    )


def client_of(arguments: argparse.Namespace) -> Client:
    """Return a client for the service at --url.

    Raises:
        UsageError: the address is invalid, or there is no token in the file.
    """
    token = None
    if arguments.token_file is not None:
        try:
            token = arguments.token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--token-file {arguments.token_file} cannot be read: {error}"
            ) from error
        if not token:
            raise UsageError(f"--token-file {arguments.token_file} is empty; put the token into it")
    return Client(arguments.url, token)


@contextmanager
def named(client: Client, name: str) -> Iterator[None]:
    """Convert a refusal of an unknown study into one that lists known names, queued ones too.

    Raises:
        ServiceError: replaces the service's own refusal.
    """
    try:
        yield
    except ServiceError as error:
        known = {one["name"] for one in client.studies()} if error.status in UNKNOWN else {name}
        if name in known:
            raise
        reason = str(unknown_name("study", "studies", name, known))
        raise ServiceError(reason, error.status) from error


def follow(changes: Iterable[Study]) -> int:
    """Print each change of a study until it stops; return an exit status: 0 if it is done."""
    said = ""
    study: Study | None = None
    for study in changes:
        line = in_words(study)
        if line != said:
            print(line, flush=True)
            said = line
    job = study["job"] if study else None
    if job is None or job["state"] == "done":
        return 0
    if job["last_words"]:
        print(job["last_words"])
    return 1


def in_words(study: Study) -> str:
    """Return the state of a study in one line."""
    total = f" of {study['total']}" if study["total"] else ""
    parts = [f"{study['finished']}{total} trials"]
    metric, leaders, baseline = study["metric"], study["leaders"], study["baseline"]
    if metric and leaders and leaders[0]["score"] is not None:
        score = leaders[0]["score"]
        parts.append(f"best {metric['name']} {_number(score, metric['per_cent'])}")
    if metric and baseline and baseline["score"] is not None:
        parts.append(f"baseline {_number(baseline['score'], metric['per_cent'])}")
    state = study["job"]["state"] if study["job"] else "run from a command line"
    return f"{study['study']}: {state}, {', '.join(parts)}"


def _number(score: float, per_cent: bool) -> str:
    return f"{100 * score:.2f} %" if per_cent else f"{score:.4g}"
