"""Where the fits of a command run: on this machine, or on a Ray cluster."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import torch

from tuner.cores import most_workers, usable_cores
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.processes import ProcessEngine
from tuner.errors import EngineError, UsageError
from tuner.planning import make_plan

if TYPE_CHECKING:
    from argparse import Namespace

    from tuner.case import Case
    from tuner.data.dataset import Dataset
    from tuner.fits import Engine
    from tuner.plan import Plan, Precision
    from tuner.planning import Planned


class Place(Protocol):
    """Machines that fits can run on."""

    def plan(self, case: Case, data: Dataset, precision: Precision | None = None) -> Planned:
        """Choose how fits of a new study use them, in this precision if one is given."""

    def engine(self, plan: Plan, at_most: int | None = None) -> Engine:
        """Make an engine for fits of this plan, of no more slots than there is work for."""

    def facts(self) -> dict[str, Any]:
        """Return what a study has to remember of them, besides what `manifest.machine` says."""


class ThisMachine:
    """The machine that the command runs on; one worker needs no process of its own.

    Args:
        workers: fits at once; None: one a GPU, or one a core.

    Raises:
        UsageError: it is more than this machine can take.
    """

    def __init__(self, workers: int | None = None) -> None:
        if (workers or 1) > most_workers():
            raise UsageError(
                f"--workers {workers} will not do; this machine takes at most {most_workers()}, "
                "each a process with a torch of its own"
            )
        self.workers = workers

    def plan(self, case: Case, data: Dataset, precision: Precision | None = None) -> Planned:
        """Measure how fits of a new study use it best.

        Raises:
            UsageError: the precision will not do for the case, or here.
        """
        return make_plan(case, data, precision)

    def engine(self, plan: Plan, at_most: int | None = None) -> Engine:
        """Make an engine.

        Raises:
            EngineError: the plan is one for a GPU, and there is none.
        """
        on_gpu = plan.device == "cuda"
        if on_gpu and not torch.cuda.is_available():
            raise EngineError(
                "the study was begun on a GPU, and there is none here; go on where one is, or "
                "start a study of its own with --name"
            )
        slots = self.workers or (torch.cuda.device_count() if on_gpu else usable_cores())
        slots = min(slots, at_most or slots)
        return InProcessEngine() if slots == 1 else ProcessEngine(slots)

    def facts(self) -> dict[str, Any]:
        """Nothing: the manifest has it."""
        return {}


def choose_place(arguments: Namespace) -> Place:
    """Return the place that --engine, --address and --workers name.

    Raises:
        UsageError: they do not go together, or Ray is not installed.
        EngineError: there is no such cluster.
    """
    if arguments.engine == "ray":
        if find_spec("ray") is None:
            raise UsageError("--engine ray needs Ray: pip install -e '.[ray]', on all its nodes")
        from tuner.engines.cluster import RayCluster

        return RayCluster(arguments.address, arguments.workers)
    if arguments.address is not None:
        raise UsageError(f"--address {arguments.address} is of a Ray cluster; add --engine ray")
    return ThisMachine(arguments.workers)
