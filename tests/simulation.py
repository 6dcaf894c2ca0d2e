"""Pretend workers: the real coordinator, sampler and database, and trainings that only take time.

The clock is the coordinator's own, as far as it works: what it needs to ask, report and prune is
really needed. When it waits for a point that a worker is still busy with, the clock is moved on
instead of waiting. So a minute of 512 workers takes as long as the coordinator is busy in it.
"""

from __future__ import annotations

import bisect
import heapq
import json
import random
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from tuner.fits import Event, Finished, Job
from tuner.training import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Recording:
    """The validation scores of a training that has really been made, at shares of its length."""

    shares: Sequence[float]
    scores: Sequence[float]

    def score(self, share: float) -> float:
        """The score at a share of the training, from 0 to 1."""
        return self.scores[min(bisect.bisect_left(self.shares, share), len(self.scores) - 1)]


def recordings(database: Path) -> list[Recording]:
    """All complete trainings of the studies in a database."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT value_json FROM trial_user_attributes JOIN trials USING (trial_id) "
            "WHERE key = 'curve' AND state = 'COMPLETE' ORDER BY trial_id"
        ).fetchall()
    found = []
    for (text,) in rows:
        curve = json.loads(text)
        length = curve[-1][1]
        scores = [point[4] for point in curve]
        if None not in scores:
            found.append(Recording([point[1] / length for point in curve], scores))
    return found


@dataclass(slots=True)
class _Fit:
    """A pretended training: its points, when its worker has them, and how many are taken."""

    worker: int
    began: float
    points: Sequence[ReportPoint]
    due: Sequence[float]
    taken: int = 0

    @property
    def next_due(self) -> float:
        """When the next event is there; the end comes with the last point."""
        return self.due[min(self.taken, len(self.due) - 1)]


@dataclass(slots=True)
class PretendEngine:
    """Workers that train nothing.

    Attributes:
        slots: how many workers.
        made: trainings to repeat.
        seconds: a point takes on average.
        noise: standard deviation of the logarithm of what one point takes.
        between: the same, of a worker's speed.
        seed: of who is how fast.
    """

    slots: int
    made: Sequence[Recording]
    seconds: float = 1.0
    noise: float = 0.1
    between: float = 0.02
    seed: int = 0
    now: float = field(init=False, default=0.0)
    busy: float = field(init=False, default=0.0)
    taken: int = field(init=False, default=0)
    waited: float = field(init=False, default=0.0)
    _fits: dict[int, _Fit] = field(init=False, default_factory=dict)
    _free: list[tuple[float, int]] = field(init=False)
    _speeds: list[float] = field(init=False)
    _left_at: float = field(init=False)

    def __post_init__(self) -> None:
        draw = random.Random(self.seed)
        self._speeds = [draw.lognormvariate(0, self.between) for _ in range(self.slots)]
        self._free = [(0.0, worker) for worker in range(self.slots)]
        self._left_at = time.perf_counter()

    def start(self, key: int, job: Job) -> None:
        """Give a training to the worker that has been free for longest."""
        self._enter()
        since, worker = heapq.heappop(self._free)
        epochs = job.hyperparameters["epochs"]
        draw = random.Random(job.seed)
        points = list(_points(draw.choice(self.made), epochs))
        noise = random.Random(f"{self.seed}/{job.seed}/{worker}")
        pace = self.seconds * self._speeds[worker]
        began = max(self.now, since)
        durations = (pace * noise.lognormvariate(0, self.noise) for _ in points)
        due = list(accumulate(durations, initial=began))[1:]
        self._fits[key] = _Fit(worker, began, points, due)
        self._leave()

    def next(self, key: int, timeout: float) -> Event | None:
        """Return the next event, once the clock says that it is there."""
        self._enter()
        fit = self._fits[key]
        wait = max(fit.next_due - self.now, 0.0)
        self.now += min(wait, timeout)
        self.waited += min(wait, timeout)
        event: Event | None = None
        if wait <= timeout:
            self.taken += 1
            fit.taken += 1
            if fit.taken <= len(fit.points):
                event = fit.points[fit.taken - 1]
            else:
                event = Finished(fit.due[-1] - fit.began)
                self._free_worker(key, fit.due[-1])
        self._leave()
        return event

    def stop(self, key: int) -> None:
        """Stop a training; its worker notices at the end of the point that it is at."""
        if key in self._fits:
            self._enter()
            due = self._fits[key].due
            self._free_worker(key, due[min(bisect.bisect_left(due, self.now), len(due) - 1)])
            self._leave()

    def close(self) -> None:
        """Nothing is held."""

    @property
    def busy_share(self) -> float:
        """The share of their time that the workers have trained, up to now."""
        running = sum(
            max(min(self.now, fit.due[-1]) - fit.began, 0.0) for fit in self._fits.values()
        )
        return (self.busy + running) / (self.slots * self.now)

    @property
    def saturation(self) -> float:
        """The share of the time that the coordinator has been at work instead of waiting."""
        return 1 - self.waited / self.now

    def _free_worker(self, key: int, when: float) -> None:
        fit = self._fits.pop(key)
        self.busy += when - fit.began
        heapq.heappush(self._free, (when, fit.worker))

    def _enter(self) -> None:
        self.now += time.perf_counter() - self._left_at

    def _leave(self) -> None:
        self._left_at = time.perf_counter()


def _points(made: Recording, epochs: int) -> Iterator[ReportPoint]:
    """A point at the end of each epoch, with the scores of a training that was made."""
    for epoch in range(1, epochs + 1):
        score = made.score(epoch / epochs)
        yield ReportPoint(
            step=epoch,
            epoch=float(epoch),
            train_loss=score,
            train_metric=score,
            validation=score,
            fold_scores=(score,),
            work=float(epoch),
        )
