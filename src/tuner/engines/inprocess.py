"""Trains one fit at a time in this process: for tests, debugging and `--workers 1`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from tuner.engines.job import Event, Failed, Finished, Job
from tuner.engines.worker import Reader, advance, run
from tuner.training.randomness import OwnGenerators

if TYPE_CHECKING:
    from collections.abc import Generator

    from tuner.training.fitting import ReportPoint


@dataclass(slots=True)
class _Fit:
    """A fit that is being trained."""

    threads: int
    running: Generator[ReportPoint, None, Finished]
    generators: OwnGenerators = field(default_factory=OwnGenerators)

    def advance(self) -> Event:
        with self.generators.in_use():  # other threads may train fits of other studies
            torch.set_num_threads(self.threads)
            return advance(self.running)


class InProcessEngine:
    """Advances a fit by one point whenever its next event is asked for."""

    slots = 1

    def __init__(self) -> None:
        self._reader = Reader()
        self._fits: dict[int, _Fit] = {}

    def start(self, key: int, job: Job) -> None:
        """Begin a fit."""
        self._fits[key] = _Fit(job.plan.threads, run(job, self._reader))

    def next(self, key: int, timeout: float) -> Event:
        """Train to the next point. `timeout` is ignored."""
        del timeout
        event = self._fits[key].advance()
        if isinstance(event, Finished | Failed):
            del self._fits[key]
        return event

    def stop(self, key: int) -> None:
        """Drop a fit in its present state."""
        if key in self._fits:
            self._fits.pop(key).running.close()

    def close(self) -> None:
        """Drop all fits."""
        for key in tuple(self._fits):
            self.stop(key)
