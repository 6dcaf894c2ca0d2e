"""What the commands share: how they end, and how they say what went wrong."""

from __future__ import annotations

import argparse
import gc
import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.engines import forking
from tuner.errors import TunerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STORAGE = Path("storage")
ARTIFACTS = STORAGE / "artifacts"  # for optuna-dashboard
DATABASE = "sqlite:///storage/studies.db"
AUTO = "auto"  # for --trials: as many as are worth it
MOST_SECONDS = 10**9  # thirty years
OBJECTS_BETWEEN_COLLECTIONS = 50_000
INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a command to its exit status: an error of ours is one line on stderr, and 2."""
    # Imports make a million objects, all of which stay: half a second would go into collecting.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as cleanly as by Ctrl-C
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may have what no text can
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = main(None)
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
    except TunerError as error:
        print(f"tuner: {error}", file=sys.stderr)  # noqa: T201
        status = 2
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; the interpreter's flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except OSError as error:  # a full disk, a folder that may not be written
        reason = f"{error}. What had finished is kept; mend that, and give the same command again"
        print(f"tuner: {reason}", file=sys.stderr)  # noqa: T201
        status = 2
    gc.freeze()  # or the interpreter looks through all of them again before it ends: over a second
    sys.exit(status)


def whole_number(
    minimum: int, maximum: int | None = None, *, auto: bool = False
) -> Callable[[str], int | str]:
    """Return an argparse type: a whole number within these bounds; or "auto", if allowed."""
    range_ = f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"

    def parse(text: str) -> int | str:
        if auto and text == AUTO:
            return AUTO
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum or (maximum is not None and value > maximum):
            raise argparse.ArgumentTypeError(
                f"{text!r} will not do; it takes a whole number, {range_}"
                + (f", or {AUTO}" if auto else "")
            )
        return value

    return parse


def add_case(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says where a case is now that does not ship with tuner."""
    parser.add_argument("--case", metavar="FILE", help="the case's file, if it is one of your own")


def add_case_and_data(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where a stored study's case and data are now."""
    add_case(parser)
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="raw data, where the study's cache is gone"
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where fits run, and how many at once."""
    parser.add_argument(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="fits at once (default: one a core, or one a GPU)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where fits run: in processes here (default), or on a Ray cluster",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="head of the Ray cluster (default: the cluster this machine belongs to, else one of "
        "its own)",
    )


def start_importing(arguments: argparse.Namespace) -> None:
    """Have what workers need imported for them while the command imports its own."""
    if arguments.engine == "local" and arguments.workers != 1:
        forking.start_importing()
