"""Graphs: recorded operations, repeated on the same memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

    from tests.made_up_card.card import MadeUpCard
    from tests.made_up_card.generators import CardGenerator, State
    from tests.made_up_card.streams import Block, Stream
    from tests.made_up_card.tensors import CardTensor

Bare = torch._C._DisableTorchDispatch


class Graph:
    """Replaces torch.cuda.CUDAGraph.

    A recording computes nothing: what was written during it is restored.
    """

    def __init__(self, card: MadeUpCard) -> None:
        self.card = card
        self.states: list[State] = []
        self.broken = False
        self._operations: list[Callable[[], None]] = []
        self._alive: list[object] = []  # keeps the memory that a graph uses
        self._reads: set[Block] = set()
        self._writes: set[Block] = set()
        self._before: dict[int, tuple[Tensor, Tensor]] = {}

    def register_generator_state(self, generator: CardGenerator) -> None:
        if generator.state.recorded:
            raise RuntimeError("a generator is in the state of a recording that has failed")
        self.states.append(generator.state)

    def capture_begin(self, pool: object = None) -> None:
        if self.card.stream is self.card.default:
            raise RuntimeError("CUDA graphs must be captured on a non-default stream.")
        self.register_generator_state(self.card.generator)
        self._stream: Stream = self.card.stream
        self._drawn = [(state, state.source.get_state()) for state in self.states]
        for state in self.states:
            state.recorded = True
        self.card.graph = self

    def capture_end(self) -> None:
        assert self.card.stream is self._stream
        self.card.graph = None
        with Bare(), torch.inference_mode():
            for memory, kept in self._before.values():
                memory.copy_(kept)
        for state, drawn in self._drawn:
            state.source.set_state(drawn)
        if self.broken:
            raise torch.AcceleratorError("CUDA error: failed due to a previous error in capture")
        for state in self.states:
            state.recorded = False
        self.card.recordings += 1

    def keep_before(self, written: Iterable[CardTensor]) -> None:
        """Save the content of memory that an operation is about to write."""
        for tensor in written:
            storage = tensor.held.untyped_storage()
            if storage._cdata not in self._before:
                memory = torch.empty(0, dtype=torch.uint8).set_(storage)
                self._before[storage._cdata] = memory, memory.clone()

    def show(
        self,
        compute: Callable[[], list[Tensor]],
        made: Sequence[tuple[int, Tensor]],
        reads: Iterable[Block],
        writes: Iterable[Block],
        alive: object,
    ) -> None:
        """Record an operation, and which of its results have memory of their own."""

        def again() -> None:
            found = compute()
            for place, tensor in made:
                tensor.copy_(found[place])

        self._operations.append(again)
        self._alive.append(alive)
        self._reads.update(block for block in reads if not block.in_graph)
        self._writes.update(block for block in writes if not block.in_graph)

    def replay(self) -> None:
        self.card.replays += 1
        self.card.timeline.run(self.card.stream, self._reads, self._writes)
        with Bare(), torch.inference_mode():
            for operation in self._operations:
                operation()


def started(state: State, function: Callable[..., Any], named: dict[str, Any]) -> Any:
    """Compute something that draws from the global generator, from this state."""
    before = torch.get_rng_state()
    torch.set_rng_state(state.source.get_state())
    try:
        return function(**named)
    finally:
        state.source.set_state(torch.get_rng_state())
        torch.set_rng_state(before)
