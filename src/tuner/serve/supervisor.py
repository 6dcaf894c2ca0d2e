"""Runs the jobs: one process at a time, watched, asked to stop, and started again if it dies."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from tuner.commands.ending import INTERRUPTED
from tuner.errors import StudyError, TunerError
from tuner.serve.logs import log_of, tail_of
from tuner.serve.queue import AFTER, MOST_STARTS
from tuner.serve.requests import words_of
from tuner.study.lock import only_writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuner.serve.queue import Queue
    from tuner.serve.shelf import Shelf
    from tuner.serve.tables import Job, State
    from tuner.workplace import Workplace

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_UNTIL_FREE = 3.0  # before a study is tried again that another process works on
SECONDS_TO_STOP = 60.0  # after which a process that was asked to stop is killed
REFUSED = 2  # exit status of a command that says what is wrong: a second start says the same
log = logging.getLogger("tuner.serve")


class Process:
    """A job's process, in a session of its own, at the end of a pipe."""

    def __init__(self, words: Sequence[str], output: Path) -> None:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", "tuner.serve.child"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._asked: float | None = None
        self.pid = self._process.pid
        if self._process.stdin is not None:
            with suppress(OSError):  # it has died already; its exit status tells
                self._process.stdin.write(json.dumps(list(words)).encode() + b"\n")
                self._process.stdin.flush()

    def status(self) -> int | None:
        """Return its exit status, negative for a signal; None: it runs."""
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
        """Close the pipe to it, which asks it to stop, or is left of it."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def kill(self) -> None:
        """End it and all that it has started."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        while (status := self.status()) is None:
            time.sleep(SECONDS_BETWEEN_LOOKS / 5)
        return status


@dataclass(slots=True)
class _Current:
    job: Job
    process: Process


class Supervisor:
    """Takes jobs from the queue and runs them, in a thread of its own.

    Args:
        workers: trainings of a study that run at once; None: the command's own choice.
    """

    def __init__(
        self, queue: Queue, workplace: Workplace, shelf: Shelf, workers: int | None = None
    ) -> None:
        self.queue, self.workplace, self.shelf, self.workers = queue, workplace, shelf, workers
        self.owner = uuid4().hex
        self._not_before = 0.0
        self._current: _Current | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Have the running job stop and wait for the next start of the service."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._current is not None:
            self._current.process.stop()
            status = self._current.process.wait()
            self._end("done" if status == 0 else "queued")

    def _run(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            try:
                self.look()
            except TunerError as error:  # the database is away for a moment; the lease may run out
                log.warning("%s", error)

    def look(self) -> None:
        """Do what is due now."""
        if self._current is None:
            for number in self.queue.recover():
                log.info("job %d is queued again: its service has ended", number)
            self._take()
        else:
            self._watch(self._current)

    def _take(self) -> None:
        if time.monotonic() < self._not_before:
            return
        job = self.queue.claim(self.owner)
        if job is None:
            return
        if not self._is_free(job.study):
            self._not_before = time.monotonic() + SECONDS_UNTIL_FREE
            self.queue.put_back(job.id, self.owner)
            return
        self.queue.started(job.id)
        try:
            words = words_of(job, self.workplace, self.shelf, self.workers)
        except TunerError as error:
            self.queue.end(job.id, self.owner, "failed", f"tuner: {error}")
            return
        process = Process(words, log_of(self.workplace, job.id))
        self._current = _Current(job, process)
        log.info("job %d: process %d works on study %r", job.id, process.pid, job.study)

    def _is_free(self, study: str) -> bool:
        """Whether nobody works on a study: a process whose service died needs a moment to stop."""
        try:
            with only_writer(self.workplace.url, study):
                return True
        except StudyError:
            return False

    def _watch(self, current: _Current) -> None:
        wish = self.queue.beat(current.job.id, self.owner)
        if wish is None:
            log.warning("job %d was taken by another service", current.job.id)
        if wish != "":
            current.process.stop()
        status = current.process.status()
        if status is None:
            return
        if wish is None:
            self._current = None
        elif status == 0:
            self._end("done")
        elif wish in AFTER and status != REFUSED:
            self._end(AFTER[wish])
        elif status == REFUSED:
            self._end("failed")
        elif status == INTERRUPTED:
            self._end("paused")  # somebody has stopped the process itself, and meant it
        else:
            again = self.queue.get(current.job.id).starts < MOST_STARTS
            log.warning("job %d: its process died with status %d", current.job.id, status)
            self._end("queued" if again else "failed", died=True)

    def _end(self, state: State, *, died: bool = False) -> None:
        if self._current is not None:
            number = self._current.job.id
            words = tail_of(log_of(self.workplace, number))
            self.queue.end(number, self.owner, state, words, died=died)
            log.info("job %d is %s", number, state)
            self._current = None
