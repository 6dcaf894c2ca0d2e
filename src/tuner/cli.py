"""What the commands share: how they end, and how they say what went wrong."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import TunerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STORAGE = Path("storage")
ARTIFACTS = STORAGE / "artifacts"  # for optuna-dashboard
DATABASE = "sqlite:///storage/studies.db"
AUTO = "auto"  # for --trials: as many as are worth it
INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a command to its exit status: an error of ours is one line on stderr, and 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as cleanly as by Ctrl-C
    try:
        status = main(None)
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
    sys.exit(status)


def whole_number(minimum: int, *, auto: bool = False) -> Callable[[str], int | str]:
    """Return an argparse type: a whole number that is `minimum` or more; or "auto", if allowed."""

    def parse(text: str) -> int | str:
        if auto and text == AUTO:
            return AUTO
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise argparse.ArgumentTypeError(
                f"{text!r} will not do; it takes a whole number, {minimum} or more"
                + (f", or {AUTO}" if auto else "")
            )
        return value

    return parse
