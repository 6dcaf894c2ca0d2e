"""Simulated workers: real coordinator, sampler and database; trainings only take time.

While the coordinator works, the clock is real: asking, reporting and pruning take their actual
time. When it waits for a point of a busy worker, the clock is advanced instead. So simulating a
minute of 512 workers takes as long as the coordinator is busy in that minute.
"""

from __future__ import annotations

import bisect
import csv
import heapq
import math
import random
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import optuna

from tuner.engines.job import Event, Finished, Job
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STUDIES = Path(__file__).parents[2] / "studies"


@dataclass(frozen=True, slots=True)
class Recording:
    """A real training that was recorded.

    Attributes:
        shares: of its length, at each of its points.
        scores: on validation, at each of its points.
        points_per_epoch: of its case.
        work: of a point, as virtual time counts it.
        seconds: of a point, relative to the mean of all recordings.
    """

    shares: Sequence[float]
    scores: Sequence[float]
    points_per_epoch: int
    work: float
    seconds: float

    def score(self, share: float) -> float:
        """Return the score at a share of the training, from 0 to 1."""
        return self.scores[min(bisect.bisect_left(self.shares, share), len(self.scores) - 1)]


def timed_study(name: str) -> optuna.Study:
    """Return a case's study with the duration of each training."""
    kept = STUDIES / "scale" / f"{name}.db"
    return optuna.load_study(study_name=name, storage=f"sqlite:///{kept}")


def recordings(name: str) -> list[Recording]:
    """Return all complete trainings of a case's timed study, with their recorded cost."""
    study = timed_study(name)
    with (STUDIES / "scale" / "costs.csv").open(encoding="utf-8") as file:
        costs = {int(row["trial"]): row for row in csv.DictReader(file) if row["case"] == name}
    mean = fmean(float(cost["seconds"]) for cost in costs.values())
    found = []
    for number, cost in costs.items():
        curve = study.trials[number].user_attrs["curve"]
        length = curve[-1][1]
        found.append(
            Recording(
                shares=[point[1] / length for point in curve],
                scores=[point[4] for point in curve],
                points_per_epoch=round(len(curve) / length),
                work=float(cost["work"]),
                seconds=float(cost["seconds"]) / mean,
            )
        )
    return found


@dataclass(slots=True)
class _Fit:
    """A simulated training.

    Attributes:
        points: number of its points.
        lasts: seconds that each of them takes.
        began: when a worker took it; None while it waits.
        due: when the worker has each of its points.
        taken: number of its events that the coordinator has received.
        worker: that trains it; None before and after.
    """

    key: int
    points: Sequence[ReportPoint]
    lasts: Sequence[float]
    began: float | None = None
    due: Sequence[float] = ()
    taken: int = 0
    worker: int | None = None

    @property
    def next_due(self) -> float:
        """Return when the next event is available; the end comes with the last point."""
        return self.due[min(self.taken, len(self.due) - 1)] if self.due else math.inf

    @property
    def ends(self) -> float:
        """Return when its worker is done with it."""
        return self.due[-1] if self.due else math.inf


@dataclass(slots=True)
class PretendEngine:
    """Simulated workers.

    Attributes:
        slots: number of workers.
        made: recorded trainings to repeat.
        seconds: mean duration of a point over all recordings.
        noise: standard deviation of the logarithm of a point's duration.
        between: the same for the speeds of workers.
        seed: for the speeds.
        now: time on the clock.
        trained: seconds that workers spent on ended fits.
        used: seconds spent on points that the coordinator has received; the rest was wasted on
            pruned trials.
        taken: number of events that the coordinator has received.
        waited: seconds that the coordinator has waited for them.
    """

    slots: int
    made: Sequence[Recording]
    seconds: float = 1.0
    noise: float = 0.1
    between: float = 0.02
    seed: int = 0
    now: float = field(init=False, default=0.0)
    trained: float = field(init=False, default=0.0)
    used: float = field(init=False, default=0.0)
    taken: int = field(init=False, default=0)
    waited: float = field(init=False, default=0.0)
    _fits: dict[int, _Fit] = field(init=False, default_factory=dict)
    _waiting: deque[_Fit] = field(init=False, default_factory=deque)
    _free: list[tuple[float, int]] = field(init=False)
    _ends: list[tuple[float, int]] = field(init=False, default_factory=list)
    _speeds: list[float] = field(init=False)
    _left_at: float = field(init=False)

    def __post_init__(self) -> None:
        draw = random.Random(self.seed)
        self._speeds = [draw.lognormvariate(0, self.between) for _ in range(self.slots)]
        self._free = [(0.0, worker) for worker in range(self.slots)]
        self._left_at = time.perf_counter()

    def start(self, key: int, job: Job) -> None:
        """Give a training to the worker that has been idle longest, or to the next idle one."""
        self._enter()
        made = random.Random(job.replicas[0].seed).choice(self.made)
        points = list(_points(made, job.hyperparameters["epochs"]))
        noise = random.Random(f"{self.seed}/{job.replicas[0].seed}")
        pace = self.seconds * made.seconds
        lasts = [pace * noise.lognormvariate(0, self.noise) for _ in points]
        self._fits[key] = _Fit(key, points, lasts)
        self._waiting.append(self._fits[key])
        self._hand_out()
        self._leave()

    def next(self, key: int, timeout: float) -> Event | None:
        """Return the next event, once it is available on the clock."""
        self._enter()
        fit, until = self._fits[key], self.now + timeout
        while fit.next_due > self.now < until:
            moment = min(fit.next_due, until, *(end for end, _ in self._ends[:1]))
            self.waited += max(moment - self.now, 0.0)
            self._go_on_to(max(moment, self.now))
        event: Event | None = None
        if fit.next_due <= self.now:
            self.taken += 1
            fit.taken += 1
            if fit.taken <= len(fit.points):
                event = fit.points[fit.taken - 1]
                self.used += fit.due[fit.taken - 1] - (fit.began or 0.0, *fit.due)[fit.taken - 1]
            else:
                event = Finished(sum(fit.lasts))
                del self._fits[key]
        self._leave()
        return event

    def stop(self, key: int) -> None:
        """Stop a training; its worker notices at the end of its current point."""
        if (fit := self._fits.pop(key, None)) is None:
            return
        self._enter()
        if fit.began is None:
            self._waiting.remove(fit)
        elif fit.worker is not None:
            self._release(fit, fit.due[bisect.bisect_left(fit.due, self.now)])
        self._hand_out()
        self._leave()

    def close(self) -> None:
        """Do nothing: there are no resources."""

    def trained_until_now(self) -> float:
        """Return the seconds that all workers have trained, including those still training."""
        running = (fit.began for fit in self._fits.values() if fit.worker is not None)
        return self.trained + sum(max(self.now - (began or 0.0), 0.0) for began in running)

    def _release(self, fit: _Fit, when: float) -> None:
        assert fit.worker is not None
        assert fit.began is not None
        self.trained += when - fit.began
        heapq.heappush(self._free, (when, fit.worker))
        fit.worker = None

    def _hand_out(self) -> None:
        while self._waiting and self._free:
            since, worker = heapq.heappop(self._free)
            fit = self._waiting.popleft()
            fit.worker, fit.began = worker, max(self.now, since)
            pace = self._speeds[worker]
            fit.due = list(accumulate((pace * one for one in fit.lasts), initial=fit.began))[1:]
            heapq.heappush(self._ends, (fit.ends, fit.key))

    def _go_on_to(self, moment: float) -> None:
        """Advance the clock; workers whose training has ended meanwhile take another."""
        while self._ends and self._ends[0][0] <= moment:
            end, key = heapq.heappop(self._ends)
            fit = self._fits.get(key)  # None: it was stopped before its end
            if fit is not None and fit.worker is not None:
                self.now = max(self.now, end)
                self._release(fit, end)
                self._hand_out()
        self.now = max(self.now, moment)

    def _enter(self) -> None:
        self._go_on_to(self.now + time.perf_counter() - self._left_at)

    def _leave(self) -> None:
        self._left_at = time.perf_counter()


def _points(made: Recording, epochs: int) -> Iterator[ReportPoint]:
    """Yield the points of a training of this many epochs, with recorded scores and work."""
    count = epochs * made.points_per_epoch
    for step in range(1, count + 1):
        score = made.score(step / count)
        yield ReportPoint(
            step=step,
            epoch=step / made.points_per_epoch,
            train_loss=score,
            train_metric=score,
            validation=score,
            fold_scores=(score,),
            work=step * made.work,
        )
