"""Functions that run a fit to a point, or to its end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tuner.engines.job import Engine, Event, Failed, Finished
from tuner.engines.processes import ProcessEngine, _Fit
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess


def drain(engine: Engine, key: int) -> list[Event]:
    """Return all events of a fit, however long it takes."""
    events: list[Event] = []
    while not events or not isinstance(events[-1], Finished | Failed):
        event = engine.next(key, timeout=0.1)
        if event is not None:
            events.append(event)
    return events


def first_point(engine: Engine, key: int) -> ReportPoint:
    event = None
    while event is None:
        event = engine.next(key, timeout=0.1)
    assert isinstance(event, ReportPoint), event
    return event


def worker_of(engine: ProcessEngine, key: int) -> BaseProcess:
    fit = engine._fits[key].remote
    assert isinstance(fit, _Fit)
    return fit.worker.process


def kill_worker_of(engine: ProcessEngine, key: int) -> None:
    process = worker_of(engine, key)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
