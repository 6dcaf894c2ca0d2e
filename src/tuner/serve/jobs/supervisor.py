"""Runs each job in a process: watches it, stops it on request, and restarts it if it dies."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from tuner.commands.ending import INTERRUPTED, REFUSED
from tuner.errors import DepotError, StudyError, TunerError, UsageError
from tuner.machine import usable_cores
from tuner.serve.disk.room import Room
from tuner.serve.disk.upkeep import MEBIBYTE, Upkeep
from tuner.serve.finding import is_there
from tuner.serve.jobs.job_command import command_of
from tuner.serve.jobs.leases import AFTER
from tuner.serve.jobs.logs import log_of, tail_of
from tuner.serve.jobs.outcome import FULL, Ended, outcome_of
from tuner.serve.jobs.process import SECONDS_TO_STOP, Process
from tuner.serve.jobs.seats import Seats, cards_here
from tuner.serve.jobs.turns import CHORES, to_start_again
from tuner.serve.looking import Looking
from tuner.serve.orders.chores import clean_request
from tuner.study.database.lock import only_writer
from tuner.study.database.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.storages import RDBStorage

    from tuner.serve.jobs.queue import Queue
    from tuner.serve.shelf.cases import Shelf
    from tuner.serve.tables import Job, State
    from tuner.workplace import Workplace

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_UNTIL_FREE = 3.0  # before the next attempt, if another process works on the study
SECONDS_UNTIL_LATER = 15.0  # before the next attempt, if the job ended with `LATER`
SECONDS_BETWEEN_MEASURES = 20.0  # between measurements of the studies' disk usage
log = logging.getLogger("tuner.serve")


@dataclass(slots=True)
class _Current:
    job: Job
    process: Process


class Supervisor:
    """Takes jobs from the queue and runs them, in a thread of its own.

    Args:
        workers: trainings that run at once, over all jobs; None: one per GPU, or one per core if
            there are no GPUs.
        room: the disk; None for that of the storage folder.
        cards: names of the GPUs that the jobs share; None for those of this machine.
    """

    def __init__(
        self,
        queue: Queue,
        workplace: Workplace,
        shelf: Shelf,
        workers: int | None = None,
        room: Room | None = None,
        cards: Sequence[str] | None = None,
    ) -> None:
        self.queue, self.workplace, self.shelf = queue, workplace, shelf
        cards = cards_here() if cards is None else cards
        self.slots = workers or len(cards) or usable_cores()
        self.seats = Seats(cards, self.slots)
        self.room = room or Room(workplace)
        self.owner = uuid4().hex
        self._not_before: dict[int, float] = {}
        self._running: dict[int, _Current] = {}
        self._looked_after = 0.0
        self._hurried = threading.Event()
        self._looking = Looking("supervisor", SECONDS_BETWEEN_LOOKS, self.look)

    def start(self) -> None:
        """Start the thread."""
        self._looking.start()

    def close(self) -> None:
        """Stop the running jobs; they wait for the next start of the service."""
        self._looking.end()
        self._looking.wait()
        running = list(self._running.values())
        for current in running:
            current.process.stop()
        if running:  # a process that does not answer takes the whole time
            log.warning(
                "The service waits up to %.0f seconds for %s to stop. Ctrl-C again kills %s at "
                "once: finished work is kept in any case.",
                SECONDS_TO_STOP,
                ", ".join(f"job {one.job.id} ({one.job.study or one.job.kind})" for one in running),
                "it" if len(running) == 1 else "them",
            )
        for current in running:
            status = current.process.wait(self._hurried)
            wish = self.queue.beat(current.job.id, self.owner) or ""
            self._end(current, "done" if status == 0 else AFTER.get(wish, "queued"))

    def hurry(self) -> None:
        """Kill the jobs that `close` waits for: somebody has asked again for the end."""
        self._hurried.set()

    @property
    def is_well(self) -> bool:
        """Whether the thread is running normally, or was not started."""
        return self._looking.is_well

    def look(self) -> None:
        """Do everything that is due now."""
        for current in list(self._running.values()):
            self._watch(current)
        for number in self.queue.recover():  # others' jobs: our own leases have just been renewed
            log.info("job %d is queued again: its service has ended", number)
        is_full = self.room.disk().is_full
        while self._take(chores_only=is_full):
            pass
        if is_full:
            self._make_way()
        else:
            self._balance()
        self._look_after()

    def _take(self, *, chores_only: bool) -> bool:
        """Start the next job; return whether there was one."""
        now = time.monotonic()
        self._not_before = {one: when for one, when in self._not_before.items() if when > now}
        job = self.queue.claim(
            self.owner, self.slots, skip=self._not_before, chores_only=chores_only
        )
        if job is None:
            return False
        parent = str(job.options.get("parent") or "")
        if not (self._is_free(job.study) and self._is_free(parent)):
            self._not_before[job.id] = now + SECONDS_UNTIL_FREE
            self.queue.put_back(job.id, self.owner)
            return True
        self.queue.started(job.id)
        try:
            words = command_of(job, self.workplace, self.shelf, job.slots)
        except TunerError as error:
            self.queue.end(job.id, self.owner, "failed", f"tuner: {error}")
            return True
        cards = self.seats.take(job.id, job.slots or 0)
        try:
            process = Process(words, log_of(self.workplace, job.id), cards)
        except OSError as error:  # no memory for a process, or no space for its log
            log.warning("job %d cannot be started now: %s", job.id, error)
            self.seats.leave(job.id)
            self._not_before[job.id] = now + SECONDS_UNTIL_FREE
            self.queue.put_back(job.id, self.owner)
            return True
        self._running[job.id] = _Current(job, process)
        log.info("job %d: process %d works on study %r", job.id, process.pid, job.study)
        return True

    def _is_free(self, study: str) -> bool:
        """Whether no process works on a study: one whose service died needs a moment to stop."""
        if not study:
            return True
        try:
            with only_writer(self.workplace.url, study, patience=0):
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
            self._forget(current)
            return
        job = current.job
        outcome = outcome_of(
            Ended(
                kind=job.kind,
                status=status,
                wish=wish,
                starts=self.queue.get(job.id).starts,
                lacked_room=self._lacked_room(job, status),
                is_deleted=status == REFUSED and self._is_deleted(job),
            )
        )
        if outcome.died:
            log.warning("job %d: its process died with status %d", job.id, status)
        if outcome.explanation:
            self._say(job.id, outcome.explanation)
        if outcome.waits:
            self._not_before[job.id] = time.monotonic() + SECONDS_UNTIL_LATER
        self._end(current, outcome.state, died=outcome.died)

    def _is_deleted(self, job: Job) -> bool:
        """Whether a deletion is complete: it was killed after its last step."""
        return job.kind == "delete" and not is_there(self._storage, job.study)

    def _lacked_room(self, job: Job, status: int) -> bool:
        """Whether a process ended because the disk is full: its job restarts once there is space.

        This holds for a process that failed before it was asked to stop, and for one that was asked
        and failed in its last steps. It does not hold for chores: they do not wait for space, so
        the usual limit on starts applies to them. That limit also applies to a job that needs more
        space than there is, if the disk is not full once the job has ended.
        """
        return (
            job.kind not in CHORES and status not in (0, INTERRUPTED) and self.room.disk().is_full
        )

    @property
    def _storage(self) -> RDBStorage:
        return open_storage(self.workplace.url, create=False)

    def _end(self, current: _Current, state: State, *, died: bool = False) -> None:
        number = current.job.id
        words = tail_of(log_of(self.workplace, number))
        self.queue.end(number, self.owner, state, words, died=died)
        log.info("job %d is %s", number, state)
        self._forget(current)

    def _forget(self, current: _Current) -> None:
        self.seats.leave(current.job.id)
        self._running.pop(current.job.id)

    def _balance(self) -> None:
        """Restart a study with fewer workers if jobs wait, or with more if workers are free."""
        needing = [job for job in self.queue.waiting() if job.kind not in CHORES]
        ours = [job for job in self.queue.at_work() if job.owner == self.owner]
        job = to_start_again(self.slots, ours, len(needing), self.queue.clock())
        if job is not None:
            self._say(job.id, "It starts again with another number of workers.")
            self.queue.ask_again(job.id, self.owner)

    def _make_way(self) -> None:
        """Stop all trainings: the disk is full, and a study without space would fail."""
        for job in self.queue.at_work():
            if job.owner == self.owner and job.wish == "" and job.kind not in CHORES:
                self._say(job.id, FULL)
                self.queue.ask_again(job.id, self.owner)

    def _look_after(self) -> None:
        """Submit the clean-up that is due, and pause studies that are over their budget."""
        now = time.monotonic()
        if now < self._looked_after + SECONDS_BETWEEN_MEASURES:
            return
        self._looked_after = now
        upkeep = Upkeep.of(self.queue.engine)
        key = upkeep.key(self.queue.clock())
        if key is not None and not self.queue.knows(key):
            # There is nothing to remove, a clean-up is running, or the models are unreachable now.
            with suppress(UsageError, DepotError, OSError):
                request = clean_request(self.workplace, upkeep.older_than, None)
                self.queue.submit(request, "schedule", key)
        for current in self._running.values():
            is_study = current.job.kind == "study"  # a retraining only adds a model
            used = self.room.of_study(current.job.study) if upkeep.budget and is_study else 0
            if used > upkeep.budget * MEBIBYTE:
                self._say(
                    current.job.id,
                    f"The study is paused: its files have {used / MEBIBYTE:.0f} MiB, and its "
                    f"budget is {upkeep.budget} MiB. Delete models that are not needed, or ask "
                    "an admin for a larger budget; then resume it.",
                )
                with suppress(UsageError):
                    self.queue.pause(current.job.id)

    def _say(self, number: int, text: str) -> None:
        """Add a line to the output of a job."""
        with suppress(OSError), log_of(self.workplace, number).open("a", encoding="utf-8") as file:
            file.write(f"tuner: {text}\n")  # on a full disk the line is lost, but not the action
