"""The process of a job: a command of tuner's that stops with the service, or when asked to.

Its standard input is a pipe from the service. The first line is the command as JSON, so that no
password in a storage URL appears in the list of processes. The end of the pipe means stop: the
service has closed it, or has died. In either case the command ends as by Ctrl-C, and finished work
is kept.

A command that fails because the disk is full has an exit status of its own, and so has one whose
database is away for a moment or whose study is in use: these can be retried later.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import threading

from tuner.commands.ending import REFUSED, run
from tuner.errors import TunerError, lacks_room

COMMANDS = ("ablate", "clean", "delete", "predict", "retrain", "study")
# EX_TEMPFAIL and EX_UNAVAILABLE of sysexits.h, which Windows does not have.
NO_ROOM, LATER = 75, 69


def main() -> None:
    """Read the command and run it."""
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with os.fdopen(pipe, "rb", closefd=False) as lines:
        name, *words = json.loads(lines.readline())
    if name not in COMMANDS:
        raise SystemExit(f"tuner: the service runs no command {name!r}")
    threading.Thread(target=_stop_at_the_end_of, args=(pipe,), daemon=True).start()
    run(lambda _: int(importlib.import_module(f"tuner.commands.{name}").main(words)), _status_of)


def _status_of(error: Exception) -> int:
    if lacks_room(error):
        return NO_ROOM
    return LATER if isinstance(error, TunerError) and error.may_pass else REFUSED


def _stop_at_the_end_of(pipe: int) -> None:
    while os.read(pipe, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
