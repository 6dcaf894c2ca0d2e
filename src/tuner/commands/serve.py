"""`python -m tuner.serve`: run the service, for studies in a browser and over HTTP."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.commands.options import add_workplace, whole_number, workplace_of
from tuner.commands.parsing import Parser
from tuner.errors import UsageError
from tuner.machine import is_this_machine
from tuner.study.glance import check_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from tuner.serve.service import Service

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SECONDS_TO_CLOSE = 5  # for requests in progress when the service ends


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, without slow imports."""
    made = Parser(
        prog="tuner serve",
        description="Serve studies in a browser and over HTTP: submit, watch, compare, promote "
        "models. Each study runs in its own process, and running studies share the "
        "workers. When the service ends, running studies stop; they continue at its next "
        "start.",
    )
    made.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default 127.0.0.1: only this machine; any other address needs "
        "a token, see tuner token)",
    )
    made.add_argument(
        "--port", type=whole_number(0, 65535), default=8080, help="port (default 8080; 0: any)"
    )
    add_workplace(made)
    made.add_argument(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="trainings that run at once, over all studies (default: one per core, or one per GPU)",
    )
    made.add_argument(
        "--cases",
        type=Path,
        metavar="DIR",
        help="folder with your own case files, which the service offers beside the shipped cases",
    )
    made.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with tables and folders of pictures, which the service offers for studies",
    )
    _add_hosts(made)
    _add_mail(made)
    return made


def _add_hosts(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name under which browsers may reach the service, for example that of a "
        "proxy before it (can be repeated)",
    )
    made.add_argument(
        "--hook-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host in a private network that webhooks may name (can be repeated; default: only "
        "hosts on the public Internet)",
    )


def _add_mail(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("mail when a study ends")
    group.add_argument(
        "--mail-server",
        metavar="HOST[:PORT]",
        help="server that takes the mail (default port 587, with STARTTLS; 465: TLS from the "
        "start)",
    )
    group.add_argument("--mail-from", metavar="ADDRESS", help="sender of the mail")
    group.add_argument(
        "--mail-to",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="an address that gets the mail (can be repeated)",
    )
    group.add_argument(
        "--mail-user", metavar="NAME", help="user name for the server, if it needs one"
    )
    group.add_argument(
        "--mail-password-file",
        type=Path,
        metavar="FILE",
        help="file with the password, which is sent only over TLS, or to this machine",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    check_url(workplace_of(arguments).url)
    if arguments.cases is not None and not arguments.cases.is_dir():
        raise UsageError(f"--cases {arguments.cases} is not a folder; name one with case files")
    if arguments.data is not None and not arguments.data.is_dir():
        raise UsageError(f"--data {arguments.data} is not a folder; name one with tables")
    try:
        import babel  # noqa: F401  # asked for with the first page

        from tuner.serve.app import application
        from tuner.serve.web.connections import OnceAMinute, Server, configuration, most_connections
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "tuner":
            raise
        raise UsageError(
            f"the service needs the package {error.name}; run: pip install 'tuner[serve]'"
        ) from error
    from tuner.runs.quiet import quieten_optuna
    from tuner.study.database.sqlite import waits_told

    quieten_optuna()
    with waits_told(lambda text: print(text, file=sys.stderr, flush=True)):
        service = _service(arguments)
    listening = _listen(arguments.host, arguments.port)
    _greet(arguments, listening)
    logging.getLogger("asyncio").addFilter(OnceAMinute())
    options = configuration(
        application(service),
        most_connections(),
        log_level="warning",
        timeout_graceful_shutdown=SECONDS_TO_CLOSE,
    )
    server = Server(options, service.ending, service.supervisor.hurry)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        print("The service has ended.", file=sys.stderr)
    finally:
        listening.close()
    return 0


def _service(arguments: argparse.Namespace) -> Service:
    """Return the service with the settings of the options.

    Raises:
        UsageError: other machines can reach it, and it has no token.
    """
    from tuner.serve.messages.mailing import mail_of
    from tuner.serve.service import Service

    alone = is_this_machine(arguments.host)
    loopback = alone and not arguments.allow_host  # otherwise a proxy forwards requests to it
    service = Service.at(
        workplace_of(arguments),
        hosts=_hosts(arguments.host, arguments.allow_host),
        loopback=loopback,
        cases=arguments.cases,
        data=arguments.data,
        workers=arguments.workers,
        hook_hosts=frozenset(name.lower() for name in arguments.hook_host),
        mail=mail_of(
            arguments.mail_server,
            arguments.mail_from,
            arguments.mail_to,
            user=arguments.mail_user,
            password_file=arguments.mail_password_file,
            site=f"https://{arguments.allow_host[0]}" if arguments.allow_host else "",
        ),
    )
    if not loopback and not service.tokens.exist():
        names = [f"--allow-host {name}" for name in arguments.allow_host]
        raise UsageError(
            f"others can reach it by {' or '.join(names) or f'--host {arguments.host}'}, so the "
            "service does not start without a token; make one: tuner token create NAME --role admin"
        )
    return service


def _greet(arguments: argparse.Namespace, listening: socket.socket) -> None:
    """Print the address of the service."""
    from tuner.study.database.url import shown

    address = arguments.host if ":" not in arguments.host else f"[{arguments.host}]"
    port = listening.getsockname()[1]
    url = shown(workplace_of(arguments).url)
    print(f"Serving {url} on http://{address}:{port}/tuner/", flush=True)
    print("Ctrl-C ends it. Studies continue at its next start.", flush=True)


def _hosts(host: str, further: Sequence[str]) -> frozenset[str]:
    """Return the host names that the service answers to."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - it is refused unless its names are given
        if not further:
            raise UsageError(
                f"--host {host} means every address of this machine; say under which names "
                "browsers reach it, with --allow-host NAME"
            )
        return LOOPBACK | {name.lower() for name in further}
    return LOOPBACK | {host.lower()} | {name.lower() for name in further}


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise UsageError(
            f"nothing can listen on {host}, port {port}: {error.strerror or error}; choose another "
            "with --host or --port"
        ) from error
    return made
