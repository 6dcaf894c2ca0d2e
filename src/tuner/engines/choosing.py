"""Chooses where the fits of a command run: on this machine, or on a Ray cluster."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from tuner.engines.cards import (
    card_facts,
    cards_in_words,
    fits_at_once,
    refuse_missing,
    unused_device,
    visible_cards,
)
from tuner.engines.compute import refuse_too_many
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.processes import ProcessEngine
from tuner.errors import UsageError
from tuner.machine import usable_cores
from tuner.training.device import CARD
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
        """Choose the plan of a new study, with this precision if one is given."""

    def engine(self, plan: Plan, at_most: int | None = None) -> Engine:
        """Make an engine for fits of this plan, with at most `at_most` slots."""

    def facts(self) -> dict[str, Any]:
        """Return the facts about the machines that a study stores, besides `manifest.machine`."""

    def in_words(self, workers: int) -> str | None:
        """Return what a person should know about where these workers train; None if nothing."""


class ThisMachine:
    """The machine that the command runs on; a single worker needs no process of its own.

    Args:
        workers: fits at once; None for as many as the GPUs have room for, or one per core.

    Raises:
        UsageError: there are more workers than this machine can take.
    """

    def __init__(self, workers: int | None = None) -> None:
        refuse_too_many(workers)
        self.workers = workers
        self._cards: tuple[str, ...] = ()

    def plan(self, case: Case, data: Dataset, precision: Precision | None = None) -> Plan:
        """Choose the plan of a new study, by rule.

        Raises:
            UsageError: the precision does not suit the case, or this machine.
        """
        return plan_for(case.task, images=data.pixels is not None, asked=precision)

    def engine(self, plan: Plan, at_most: int | None = None) -> Engine:
        """Make an engine.

        Raises:
            EngineError: the plan needs a GPU, and there is none.
        """
        refuse_missing(plan)
        self._cards = visible_cards() if plan.device == CARD else ()
        slots = self.workers or fits_at_once(self._cards) or usable_cores()
        slots = min(slots, at_most or slots)
        # With a GPU, even a single worker is a process of its own: after an error of CUDA, a
        # process cannot use the GPU again; and the GPU trains on while the coordinator thinks.
        if slots == 1 and not self._cards:
            return InProcessEngine()
        return ProcessEngine(slots, cards=self._cards)

    def facts(self) -> dict[str, Any]:
        """Return the GPUs of the last engine; the manifest has the rest."""
        return {"cards": card_facts()} if self._cards else {}

    def in_words(self, workers: int) -> str | None:
        """Return which GPUs the last engine uses and which it does not; None if there are none."""
        if not self._cards:
            return unused_device()
        return cards_in_words(card_facts(), self._cards, workers)


def choose_backend(compute: Compute) -> Backend:
    """Return the machines on which fits run.

    Raises:
        UsageError: the options contradict each other, or Ray is not installed.
        EngineError: there is no such cluster.
    """
    if compute.engine == "ray":
        if find_spec("ray") is None:
            raise UsageError("--engine ray needs Ray: pip install -e '.[ray]', on all its nodes")
        from tuner.engines.cluster import RayCluster

        return RayCluster(compute.address, compute.workers)
    compute.check()
    return ThisMachine(compute.workers)
