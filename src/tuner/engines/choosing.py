"""Which engine runs the fits of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.cores import usable_cores
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.processes import ProcessEngine
from tuner.errors import EngineError

if TYPE_CHECKING:
    from tuner.fits import Engine
    from tuner.plan import Plan


def worker_count(asked: int | None, plan: Plan) -> int:
    """Return how many fits run at once: as many as asked for, else one a GPU, or one a core.

    Raises:
        EngineError: the plan is one for a GPU, and there is none.
    """
    if plan.device == "cuda" and not torch.cuda.is_available():
        raise EngineError(
            "the study was begun on a GPU, and there is none here; go on where one is, or start a "
            "study of its own with --name"
        )
    if asked:
        return asked
    return torch.cuda.device_count() if plan.device == "cuda" else usable_cores()


def make_engine(workers: int) -> Engine:
    """Return an engine of this machine; one worker needs no process of its own."""
    return InProcessEngine() if workers == 1 else ProcessEngine(workers)
