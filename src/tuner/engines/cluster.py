"""A Ray cluster: joins it, asks its nodes about their hardware, and makes an engine for it.

Only this module and the tasks that it starts import Ray. They are imported only if a cluster is
asked for.
"""

from __future__ import annotations

import logging
import math
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import AuthenticationError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tuner.engines.cards import NO_CARD, card_facts, of_all, visible_cards
from tuner.engines.tasks import RayEngine, in_short
from tuner.errors import EngineError, UsageError, first_line
from tuner.machine import PACKAGES, machine
from tuner.training.device import CARD
from tuner.training.plan import Plan, common_plan, precision_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.training.plan import Precision

SECONDS_TO_CONNECT = 10.0
SECONDS_TO_ANSWER = 600.0  # a node's first task imports torch, with low priority
# How a client begins HTTP/2, which Ray uses, and how a server answers: with a frame of settings
# that begins with its length (RFC 9113, 3.4 and 6.5).
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
SETTINGS = 4
# Ray does not send its token to an explicit address unless it is told to.
ASKS_FOR_ONE = (
    "If it asks for a token, as `ray start` says, set RAY_AUTH_MODE=token here, and have its token "
    "in ~/.ray/auth_token or RAY_AUTH_TOKEN (https://docs.ray.io/en/latest/ray-security)"
)


class RayCluster:
    """The cluster that this process has joined.

    Args:
        address: "auto", or HOST:PORT of the cluster's head; None for the cluster that this machine
            belongs to, or else a new one for this process.
        workers: fits at once; None for as many as the cluster has cores or GPUs for.

    Raises:
        EngineError: there is no such cluster, none of its nodes has a free core or GPU, or a node
            has other versions than this machine.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        _join(address)
        self.workers = workers
        self.nodes = {
            node["NodeID"]: node["Resources"]
            for node in ray.nodes()
            if node["Alive"] and (node["Resources"].keys() & {"CPU", "GPU"})
        }
        self.machines = self._ask(machine)
        found = self._ask(_cards).values() if self._gpus else ()
        self.cards = [one for one in found if one is not None]
        here = machine()
        for node, there in self.machines.items():
            others = [name for name in ("python", *PACKAGES) if there[name] != here[name]]
            if others:
                versions = ", ".join(f"{name} {there[name]}, not {here[name]}" for name in others)
                raise EngineError(
                    f"node {node[:12]} of the cluster has {versions}; install the same on all nodes"
                )

    def plan(self, case: Case, data: Dataset, precision: Precision | None = None) -> Plan:
        """Return the plan that all nodes support; if some have GPUs, all nodes with GPUs.

        Raises:
            UsageError: the precision does not suit the case or a node.
        """
        images = data.pixels is not None
        common = common_plan(self._ask(_plan, images).values())
        native = common.precision == "bfloat16"
        chosen = precision_of(case.task, images=images, native=native, asked=precision)
        return replace(common, precision=chosen)

    def engine(self, plan: Plan, at_most: int | None = None) -> RayEngine:
        """Return an engine for fits of this plan, with at most `at_most` slots.

        Raises:
            UsageError: there are more workers than the cluster has cores for.
            EngineError: the plan needs a GPU, and no node has one.
        """
        kind = "GPU" if plan.device == CARD else "CPU"
        counts = [int(resources.get(kind, 0)) for resources in self.nodes.values()]
        if kind == "GPU":
            return self._sharing(counts, plan, at_most)
        room = sum(counts) // plan.threads
        if (self.workers or 1) > room:
            raise UsageError(
                f"--workers {self.workers or 1}: the cluster has room for {room} fits at once "
                f"({len(self.nodes)} nodes); ask for no more, or add nodes"
            )
        return RayEngine(min(self.workers or room, at_most or room), plan)

    def _sharing(self, counts: Sequence[int], plan: Plan, at_most: int | None) -> RayEngine:
        """Return an engine for GPUs; if there are more workers than GPUs, they share them."""
        room = sum(counts)
        if room == 0:
            raise EngineError(f"this study cannot be trained on this cluster: {NO_CARD}")
        workers = self.workers or room
        workers = min(workers, at_most or workers)
        return RayEngine(workers, plan, sharing=math.ceil(workers / room))

    @property
    def _gpus(self) -> int:
        return sum(int(resources.get("GPU", 0)) for resources in self.nodes.values())

    def in_words(self, workers: int) -> str | None:
        """Return how many GPUs of the cluster the fits share; None if it has none."""
        return f"GPUs: {self._gpus} of the cluster; {workers} workers." if self._gpus else None

    def facts(self) -> dict[str, Any]:
        """Return the facts about the cluster that a study stores."""
        processors = sorted({one["processor"] for one in self.machines.values()})
        cards = {"cards": of_all(self.cards)} if self.cards else {}
        return {"cluster": {"nodes": len(self.nodes), "processors": processors}, **cards}

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Call a function on every node; return the answers by node."""
        asked = {
            node: _call.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(function, *arguments)
            for node in self.nodes
        }
        if not asked:
            raise EngineError("no node of the cluster has a core or a GPU to give; add nodes")
        try:
            answers = ray.get(list(asked.values()), timeout=SECONDS_TO_ANSWER)
        except RayError as error:
            raise EngineError(
                f"a node of the cluster does not answer ({in_short(error)}); "
                "`ray status` says how it is"
            ) from error
        return dict(zip(asked, answers, strict=True))


@ray.remote(num_cpus=0, max_retries=0)
def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _cards() -> dict[str, Any] | None:
    """Return facts about the GPUs of a node; None if PyTorch can use none there."""
    return card_facts() if visible_cards() else None


def _plan(images: bool) -> Plan:
    return Plan.for_machine(images=images)


def _join(address: str | None) -> None:
    """Join a cluster, unless this process has already joined it."""
    if ray.is_initialized():
        return
    if address is not None:
        _check(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (AuthenticationError, ConnectionError, RuntimeError, ValueError) as error:
        if address in {None, "auto"} and not isinstance(error, AuthenticationError):
            reason = f"there is no Ray cluster on this machine: {first_line(error)}"
        else:
            reason = f"the Ray cluster cannot be joined: {first_line(error)}. {ASKS_FOR_ONE}"
        raise EngineError(reason) from error
    finally:
        signal.signal(signal.SIGTERM, handler)  # Ray's own handler would end this process at once


def _check(address: str) -> None:
    """Refuse an address that cannot be joined: Ray itself would try for many minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in host:
        raise UsageError(
            f"--address {address} is not HOST:PORT of the cluster's head; write that, or auto on a "
            "machine of the cluster. A Ray client (ray://) cannot be used: it cannot stream"
        )
    try:
        is_ray = _answers_as_ray(host, int(port))
    except OSError as error:
        raise EngineError(
            f"nothing answers at --address {address} ({first_line(error)}); run `ray status` "
            "on the cluster's head to see whether it runs"
        ) from error
    if not is_ray:
        raise EngineError(
            f"what answers at --address {address} is not a Ray cluster; run `ray status` on the "
            "cluster's head to see its HOST:PORT"
        )


def _answers_as_ray(host: str, port: int) -> bool:
    """Whether the server at an address speaks HTTP/2, as the head of a Ray cluster does.

    Raises:
        OSError: nothing answers.
    """
    with socket.create_connection((host, port), SECONDS_TO_CONNECT) as connection:
        connection.sendall(GREETING)
        return connection.makefile("rb").read(4)[3:] == bytes([SETTINGS])
