"""Where the fits of a command run: on this machine, or on a Ray cluster."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import torch

from tuner.engines.compute import refuse_too_many
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.processes import ProcessEngine
from tuner.errors import EngineError, UsageError
from tuner.machine import usable_cores
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.engines.compute import Compute
    from tuner.engines.job import Engine
    from tuner.training.plan import Plan, Precision


class Backend(Protocol):
    """Machines that fits can run on."""

    def plan(self, case: Case, data: Dataset, precision: Precision | None = None) -> Plan:
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
        refuse_too_many(workers)
        self.workers = workers

    def plan(self, case: Case, data: Dataset, precision: Precision | None = None) -> Plan:
        """Choose how fits of a new study use it, by rule.

        Raises:
            UsageError: the precision does not suit the case, or this machine.
        """
        return plan_for(case.task, images=data.pixels is not None, asked=precision)

    def engine(self, plan: Plan, at_most: int | None = None) -> Engine:
        """Make an engine.

        Raises:
            EngineError: the plan is one for a GPU, and there is none.
        """
        on_gpu = plan.device == "cuda"
        if on_gpu and not torch.cuda.is_available():
            raise EngineError(
                "the study was begun on a GPU, and this machine has none; continue it on a machine "
                "with one, or start another study with --name"
            )
        cards = torch.cuda.device_count() if on_gpu else 1
        slots = self.workers or (cards if on_gpu else usable_cores())
        slots = min(slots, at_most or slots)
        return InProcessEngine() if slots == 1 else ProcessEngine(slots, cards=cards)

    def facts(self) -> dict[str, Any]:
        """Nothing: the manifest has it."""
        return {}


def choose_backend(compute: Compute) -> Backend:
    """Return the machines that fits run on.

    Raises:
        UsageError: the options do not go together, or Ray is not installed.
        EngineError: there is no such cluster.
    """
    if compute.engine == "ray":
        if find_spec("ray") is None:
            raise UsageError("--engine ray needs Ray: pip install -e '.[ray]', on all its nodes")
        from tuner.engines.cluster import RayCluster

        return RayCluster(compute.address, compute.workers)
    compute.check()
    return ThisMachine(compute.workers)
