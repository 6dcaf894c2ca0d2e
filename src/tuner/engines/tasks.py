"""Runs fits as tasks on a Ray cluster: each on a core or a share of a GPU; nodes get data once.

Ray chooses the node, and reuses its processes. A fit that Ray has begun trains to its end without
waiting. So a cluster that has lost nodes still completes the waiting fits, only more slowly.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ray
import torch
from ray.exceptions import RayError, RayTaskError

from tuner.case.reference import is_file
from tuner.case.source import files_of
from tuner.data import cache
from tuner.engines.job import Event, Failed, Finished, Job
from tuner.engines.remote import SECONDS_OF_SILENCE, LostError, Remote, RemoteEngine
from tuner.engines.worker import Reader, advance, run
from tuner.errors import EngineError, first_line
from tuner.files import replacing
from tuner.machine import keep_memory
from tuner.training.device import CARD
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tuner.training.plan import Plan

SECONDS_WITHOUT_ROOM = 1800.0
SECONDS_WITHOUT_HEAD = 40.0  # after 60, Ray itself ends this process where it stands
SECONDS_BETWEEN_LOOKS = 5.0
BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Parcel:
    """The files of the coordinator that a node needs.

    Attributes:
        data: files of the cached data set, without the test split.
        case: files of a user's own case, by their paths in a folder, the case's own file first;
            empty if the case ships with tuner.
    """

    data: Mapping[str, bytes]
    case: Mapping[str, bytes]

    @classmethod
    def of(cls, job: Job) -> Self:
        """Pack the files that a job needs."""
        own = is_file(job.case)
        return cls(cache.files_to_train_on(job.data), files_of(job.case) if own else {})


class RayEngine(RemoteEngine[Job, ReportPoint]):
    """Runs fits as Ray tasks. Ray tries each once; if a node is lost, its fits begin again here.

    Args:
        slots: fits at once.
        plan: of all fits that will come; it decides what a fit needs of a node.
        patience: seconds without a point after which a running fit counts as hung.
        sharing: number of fits that share a GPU.
    """

    def __init__(
        self, slots: int, plan: Plan, patience: float = SECONDS_OF_SILENCE, sharing: int = 1
    ) -> None:
        super().__init__(slots, patience)
        if plan.device == CARD:
            self._task = _on_card.options(num_gpus=share_of_gpu(sharing), num_cpus=0)
        else:
            self._task = _on_cores.options(num_cpus=plan.threads)
        self._parcels: dict[tuple[Path, str], Any] = {}
        self._without_room = 0.0
        self._head = Head(ray.get_runtime_context().gcs_address)

    def _begin(self, job: Job) -> _Fit:
        """Submit a job to Ray, with the files that its node needs, which are sent there once."""
        key = job.data, job.case
        if key not in self._parcels:
            self._parcels[key] = ray.put(Parcel.of(job))
        # Within a list it stays a reference: otherwise Ray would send the parcel itself every time.
        files = [one.weights for one in job.replicas]
        return _Fit(self._task.remote(job, [self._parcels[key]]), files)

    def _ready(self, remotes: Sequence[Remote], timeout: float) -> list[_Fit]:
        fits = {fit.stream: fit for fit in remotes if isinstance(fit, _Fit)}
        ready, _ = ray.wait(list(fits), timeout=timeout)
        if not ready:
            self._head.check()
        if ready or any(fit.begun for fit in fits.values()):
            self._without_room = 0.0
        else:
            self._without_room += timeout
            if self._without_room > SECONDS_WITHOUT_ROOM:
                raise EngineError(
                    f"the cluster has had no room for a fit for {SECONDS_WITHOUT_ROOM:g} s; "
                    "`ray status` says what it lacks. Run the same command again to continue"
                )
        return [fits[stream] for stream in ready]


class Head:
    """The head of a cluster. If it is gone for a minute, Ray ends every process that has joined.

    Args:
        address: HOST:PORT.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._place = host, int(port)
        self._seen = self._looked = time.monotonic()

    def check(self) -> None:
        """Check every few seconds whether it answers.

        Raises:
            EngineError: it has not answered for a while.
        """
        now = time.monotonic()
        if now < self._looked + SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        with suppress(OSError), socket.create_connection(self._place, SECONDS_BETWEEN_LOOKS):
            self._seen = time.monotonic()
        if time.monotonic() > self._seen + SECONDS_WITHOUT_HEAD:
            raise EngineError(
                f"the head of the Ray cluster has not answered for {SECONDS_WITHOUT_HEAD:g} s. "
                "Finished work is kept. Start the cluster again and run the same command again, or "
                "run it without --engine ray to continue on this machine"
            )


@dataclass(slots=True, eq=False)
class _Fit:
    """A task: it first sends BEGUN, then events, and at the end weights."""

    stream: Any  # an ObjectRefGenerator of what `_train` yields
    files: Sequence[Path | None]  # for the weights, one per replica
    begun: bool = False

    def receive(self) -> Event | None:
        try:
            sent = ray.get(next(self.stream))
        except (RayError, StopIteration) as error:
            raise LostError(in_short(error)) from error
        if sent == BEGUN:
            self.begun = True
            return None
        event, trained = sent
        for file, weights in zip(self.files, trained, strict=True):
            if file is not None and weights is not None:
                with replacing(file) as beside:
                    beside.write_bytes(weights)
        received: Event = event
        return received

    def stop(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Make Ray interrupt the task or remove it from the queue."""
        ray.cancel(self.stream)


def _train(job: Job, parcel: list[Any]) -> Iterator[str | tuple[Event, list[bytes | None]]]:
    """Run a job on a node.

    Args:
        parcel: a list with only a reference to the Parcel.

    Yields:
        BEGUN, then every event with None for each replica; the last one with the weights to keep.
    """
    yield BEGUN
    keep_memory()
    torch.set_num_threads(job.plan.threads)
    data, case = _unpack(job.data.name, job.case, *parcel)
    with tempfile.TemporaryDirectory() as folder:
        files = [one.weights and Path(folder) / one.weights.name for one in job.replicas]
        here = tuple(
            replace(one, weights=file) for one, file in zip(job.replicas, files, strict=True)
        )
        running = run(replace(job, data=data, case=case, replicas=here), _reader())
        event: Event | None = None
        while not isinstance(event, Finished | Failed):
            event = advance(running)
            done = isinstance(event, Finished)
            yield event, [file.read_bytes() if file and done else None for file in files]


_on_cores = ray.remote(max_retries=0, max_calls=0, scheduling_strategy="SPREAD")(_train)
# A process that has used a GPU cannot switch to another, and keeps memory there. So each fit gets a
# new process.
_on_card = ray.remote(max_retries=0, max_calls=1, scheduling_strategy="SPREAD")(_train)


def share_of_gpu(sharing: int) -> float:
    """Return the share of a GPU to ask Ray for; Ray counts in ten-thousandths.

    >>> share_of_gpu(1), share_of_gpu(3)
    (1.0, 0.3333)
    """
    return math.floor(10_000 / sharing) / 10_000


@functools.lru_cache(maxsize=1)
def _reader() -> Reader:
    """Return this process's reader, shared by all its tasks: files on a node have unique names."""
    return Reader()


@functools.lru_cache(maxsize=1)
def _unpack(data: str, case: str, parcel: Any) -> tuple[Path, str]:
    """Write a parcel's files where all workers of this node find them; return data and case."""
    unpacked: Parcel = ray.get(parcel)
    folder = _own_folder()
    cache.place(unpacked.data, folder / data)
    if not unpacked.case:
        return folder / data, case
    digest = hashlib.sha256(repr(sorted(unpacked.case.items())).encode()).hexdigest()
    for name, content in unpacked.case.items():
        file = folder / digest / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as beside:
            beside.write_bytes(content)
    return folder / data, str(folder / digest / next(iter(unpacked.case)))


def _own_folder() -> Path:
    """Return a folder for temporary files that no other user can have written into."""
    folder = Path(tempfile.gettempdir()) / f"tuner-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise OSError(f"{folder} belongs to somebody else; remove it")
    return folder


def in_short(error: BaseException) -> str:
    """Return the reason why a task ended, in one line."""
    if isinstance(error, RayTaskError):
        error = error.cause
    return ": ".join(filter(None, (type(error).__name__, first_line(error))))
