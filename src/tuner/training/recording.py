"""Recorded work: a card repeats a sequence of kernels that it was shown once, a CUDA graph.

Starting the hundred small kernels of a step takes a processor some milliseconds; replaying them as
one graph takes a tenth of that, and gives the same bits (studies/gpu). But a graph repeats kernels
and nothing else: what Python does in a step is done once. So only steps are recorded of which it is
known that Python does the same in each.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch

from tuner.training.device import is_out_of_memory
from tuner.unpromised.by_torch import is_hooked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Generator, Tensor, nn

    from tuner.case.contract import Case
    from tuner.training.lanes import Lane

T = TypeVar("T")
KNOWN = {"torch", "torchvision", "tuner"}  # packages whose layers do the same in each step


class _Recorded(NamedTuple):
    graph: Any
    numbers: Tensor  # what it reads, where it reads it
    made: Any  # what it writes, where it writes it


class Recorder:
    """Calls functions of row numbers; on a card it shows each shape of numbers once, then replays.

    The first call runs as it is, for libraries choose algorithms and optimizers make their state
    then. What a replayed call returns is overwritten by the next one.

    After a recording that has failed all runs as it is. Generators are given a new state then, and
    what was recorded before would go on drawing from the old one.

    Args:
        lane: in which they are called.
        sources: all other generators that the functions draw from.
    """

    def __init__(self, lane: Lane, sources: Sequence[Generator]) -> None:
        self._lane, self._sources = lane, sources
        self._seen: set[tuple[str, torch.Size]] = set()
        self._recorded: dict[tuple[str, torch.Size], _Recorded] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._can_record = True

    def __call__(self, name: str, function: Callable[[Tensor], T], numbers: Tensor) -> T:
        """Call `function` with row numbers, or do what it did.

        Args:
            name: of the function, which has to be the same one each time.
        """
        key = name, numbers.shape
        if key not in self._seen:
            self._seen.add(key)
            return function(numbers)
        found = self._recorded.get(key)
        if found is None and self._can_record:
            found = self._record(function, numbers)
        if found is None:
            return function(numbers)
        self._recorded[key] = found
        found.numbers.copy_(numbers)
        found.graph.replay()
        made: T = found.made
        return made

    def _record(self, function: Callable[[Tensor], T], numbers: Tensor) -> _Recorded | None:
        """Show the card what a function does, without doing it; None: it cannot be recorded."""
        graph = torch.cuda.CUDAGraph()
        for source in self._sources:
            graph.register_generator_state(source)
        inputs = numbers.clone()
        try:
            graph.capture_begin(pool=self._pool)
            try:
                made = function(inputs)
            finally:
                graph.capture_end()
        except RuntimeError as error:
            # It waits for the card, say. Nothing of it has been done; so it runs as it is.
            if is_out_of_memory(error):
                raise
            self._stop_recording()
            return None
        return _Recorded(graph, inputs, made)

    def _stop_recording(self) -> None:
        """Run as it is whatever comes next, after a recording that has failed."""
        self._can_record = False
        self._lane.finish()  # the card may be replaying
        self._recorded.clear()
        for source in self._sources:  # which believe that they are still being recorded
            source.graphsafe_set_state(source.clone_state())
        self._lane.renew()


class AsItIs:
    """Calls functions of row numbers, and nothing else."""

    def __call__(self, name: str, function: Callable[[Tensor], T], numbers: Tensor) -> T:
        """Call `function` with row numbers."""
        del name
        return function(numbers)


def recorder_for(
    case: Case, networks: Iterable[nn.Module], lane: Lane, sources: Sequence[Generator]
) -> Recorder | AsItIs:
    """Return what calls the steps of these networks in a lane."""
    if lane.parallel and does_the_same_each_time(case, networks):
        return Recorder(lane, sources)
    return AsItIs()


def does_the_same_each_time(case: Case, networks: Iterable[nn.Module]) -> bool:
    """Whether it is known, or said by the case, that Python does the same in each step."""
    if case.optimizer is not None:  # its learning rate may be a number of Python's
        return False
    return not unknown_parts(case, networks) if case.cuda_graph is None else case.cuda_graph


def unknown_parts(case: Case, networks: Iterable[nn.Module]) -> list[str]:
    """Return functions and kinds of layers, by name, of which tuner does not know what they do."""
    functions = {"augment": case.augment, "loss": case.loss, "step": case.step}
    layers = [layer for network in networks for layer in network.modules()]
    found = [name for name, one in functions.items() if one and _package(one) not in KNOWN]
    kinds = {type(layer).__name__: None for layer in layers if _package(type(layer)) not in KNOWN}
    hooked = {f"{type(layer).__name__} with hooks": None for layer in layers if is_hooked(layer)}
    return [*found, *kinds, *hooked]


def _package(made: object) -> str:
    while isinstance(made, partial):
        made = made.func
    return str(getattr(made, "__module__", "")).partition(".")[0]
