"""The process of a job: started in its own session, and stopped through its pipe or killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tuner.imports import same_folders
from tuner.serve.jobs.seats import VISIBLE

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.1  # while waiting for its end
SECONDS_TO_STOP = 60.0  # after which a process that was asked to stop is killed


class Process:
    """A job's process, in its own session, connected by a pipe.

    Args:
        output: file to which its output is appended.
        cards: names of the GPUs that it sees; None for all that this process sees.
    """

    def __init__(
        self, words: Sequence[str], output: Path, cards: Sequence[str] | None = None
    ) -> None:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, *same_folders(), "-u", "-m", "tuner.serve.jobs.child"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if cards is None else {**os.environ, VISIBLE: ",".join(cards)},
            )
        self._asked: float | None = None
        self.pid = self._process.pid
        if self._process.stdin is not None:
            with suppress(OSError):  # it has died already, and its exit status shows that
                self._process.stdin.write(json.dumps(list(words)).encode() + b"\n")
                self._process.stdin.flush()

    def status(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        if self._asked is not None and time.monotonic() > self._asked + SECONDS_TO_STOP:
            self.kill()
        status = self._process.poll()
        if status is not None:
            self.close()
        return status

    def stop(self) -> None:
        """Ask it to stop."""
        if self._asked is None:
            self._asked = time.monotonic()
            self.close()

    def close(self) -> None:
        """Close the pipe, which asks a running process to stop."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def kill(self) -> None:
        """Kill it and all processes that it has started."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def wait(self, hurried: threading.Event | None = None) -> int:
        """Wait for its end and return its exit status.

        Args:
            hurried: once it is set, the process is killed.
        """
        while (status := self.status()) is None:
            if hurried is not None and hurried.is_set():
                self.kill()
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return status
