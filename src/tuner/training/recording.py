"""Recorded work: a GPU repeats a recorded sequence of kernels, a CUDA graph.

Starting the hundred small kernels of a step takes a processor some milliseconds; replaying them as
one graph takes a tenth of that, and computes the same bits (studies/gpu). But a graph repeats only
kernels: the Python code of a step runs once. So a step is recorded only if its Python code is known
to do the same each time.
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
    numbers: Tensor  # the input, in its fixed memory
    made: Any  # the output, in its fixed memory


class Recorder:
    """Calls functions of row numbers; on a GPU it records each shape once, then replays.

    The first call runs normally, because libraries choose algorithms and optimizers create their
    state then. The result of a replayed call is overwritten by the next one.

    After a failed recording, everything runs normally. Generators then get a new state, and earlier
    recordings would continue to draw from the old one.

    Args:
        lane: the lane in which functions are called.
        sources: all other generators that the functions draw from.
    """

    def __init__(self, lane: Lane, sources: Sequence[Generator]) -> None:
        self._lane, self._sources = lane, sources
        self._seen: set[tuple[str, torch.Size]] = set()
        self._recorded: dict[tuple[str, torch.Size], _Recorded] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._can_record = True

    def __call__(self, name: str, function: Callable[[Tensor], T], numbers: Tensor) -> T:
        """Call `function` with row numbers, or replay its recording.

        Args:
            name: of the function; the same name must always mean the same function.
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
        """Record a function without running it; None if it cannot be recorded."""
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
            # For example, it waits for the GPU. Nothing of it has run yet, so it can run normally.
            if is_out_of_memory(error):
                raise
            self._stop_recording()
            return None
        return _Recorded(graph, inputs, made)

    def _stop_recording(self) -> None:
        """Run everything normally from now on, after a failed recording."""
        self._can_record = False
        self._lane.finish()  # the GPU may still be replaying
        self._recorded.clear()
        for source in self._sources:  # they still believe that they are being recorded
            source.graphsafe_set_state(source.clone_state())
        self._lane.renew()


class AsItIs:
    """Calls functions of row numbers without recording."""

    def __call__(self, name: str, function: Callable[[Tensor], T], numbers: Tensor) -> T:
        """Call `function` with row numbers."""
        del name
        return function(numbers)


def recorder_for(
    case: Case, networks: Iterable[nn.Module], lane: Lane, sources: Sequence[Generator]
) -> Recorder | AsItIs:
    """Return a caller for the steps of these networks in a lane, with recording if possible."""
    if lane.parallel and does_the_same_each_time(case, networks):
        return Recorder(lane, sources)
    return AsItIs()


def does_the_same_each_time(case: Case, networks: Iterable[nn.Module]) -> bool:
    """Whether the Python code of a step is known, or declared by the case, to do the same."""
    if case.optimizer is not None:  # its learning rate may be a Python number
        return False
    return not unknown_parts(case, networks) if case.cuda_graph is None else case.cuda_graph


def unknown_parts(case: Case, networks: Iterable[nn.Module]) -> list[str]:
    """Return the names of functions and kinds of layers that tuner does not know."""
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
