"""The fake GPU: how it runs each operation, and what it tells PyTorch."""

from __future__ import annotations

import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock
from weakref import WeakValueDictionary, ref

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from tests.made_up_card.generators import CardGenerator, OnProcessor, State, generator_class
from tests.made_up_card.graphs import Graph, started
from tests.made_up_card.streams import Block, Stream, Timeline
from tests.made_up_card.tensors import CardTensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CUDA: Any = torch._C
GIBIBYTE = 2**30
# Operations that wait for the GPU, because they read a value or the size of their result.
WAITING = {
    "_linalg_check_errors",
    "_local_scalar_dense",
    "_unique2",
    "bincount",
    "equal",
    "histc",
    "masked_select",
    "nonzero",
    "unique_consecutive",
    "unique_dim",
}
ON_PROCESSOR = {"_local_scalar_dense", "equal"}  # their results are on the processor
INDEXING = {"_index_put_impl_", "index", "index_put", "index_put_"}


class MadeUpCard:
    """A fake GPU, while it is in use.

    Attributes:
        told: what the processor had to wait for, and which streams did not wait for each other: the
            line of tuner or of a test that caused it, and how often.
    """

    device = torch.device("cuda", 0)

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self.recordings = self.replays = 0
        self.graph: Graph | None = None
        self.timeline = Timeline(self._tell)
        self.generators: WeakValueDictionary[int, CardGenerator] = WeakValueDictionary()
        self.generator = CardGenerator(self)
        self.default = self.stream = Stream(self)
        self._blocks: dict[int, ref[Block]] = {}

    @contextmanager
    def in_use(self) -> Iterator[MadeUpCard]:
        """Make PyTorch find this GPU in this context."""
        later: Any = torch.__future__
        replaced = later.get_overwrite_module_params_on_conversion()
        lifted = CUDA._only_lift_cpu_tensors()
        CUDA._ensureCUDADeviceGuardSet()
        try:
            later.set_overwrite_module_params_on_conversion(True)
            CUDA._set_only_lift_cpu_tensors(True)
            with ExitStack() as stack:
                for place, name, value in self._replaced():
                    stack.enter_context(mock.patch.object(place, name, value))
                stack.enter_context(_Watching(self))
                yield self
        finally:
            later.set_overwrite_module_params_on_conversion(replaced)
            CUDA._set_only_lift_cpu_tensors(lifted)

    def wait(self, why: str, stream: Stream | None = None) -> None:
        """Make the processor wait for the GPU, and record it; no graph can record that."""
        self.refuse_in_graph(why)
        self._tell(why)
        self.timeline.waited(stream or self.stream)

    def refuse_in_graph(self, what: str) -> None:
        if self.graph is not None:
            self.graph.broken = True
            raise torch.AcceleratorError(
                f"CUDA error: operation not permitted when stream is capturing ({what})"
            )

    def _tell(self, what: str) -> None:
        frames = reversed(traceback.extract_stack())
        ours = [one for one in frames if "/made_up_card/" not in one.filename]
        lines = [
            f"{one.filename.rpartition('/')[2]}:{one.lineno} {one.name}"
            for one in ours
            if "/tuner/" in one.filename or "/tests/" in one.filename
        ]
        self.told[f"{what}: {' < '.join(lines[:12])}"] += 1

    def dispatch(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Run an operation: on the processor if it has no tensor of the GPU, otherwise here."""
        flat = tree_leaves((arguments, named))
        ours = [one for one in flat if isinstance(one, CardTensor)]
        generators = [one for one in flat if isinstance(one, OnProcessor)]
        asked = named.get("device")
        kind = None if asked is None else torch.device(asked).type
        if not ours and kind != self.device.type:
            if any(one._cdata in self.generators for one in generators):
                raise RuntimeError("Expected a 'cpu' device type for generator but found 'cuda'")
            return function(*arguments, **named)
        name = function._schema.name.removeprefix("aten::")
        if name == "lift_fresh":
            return arguments[0]
        self._check(name, flat, arguments, on_card=bool(ours))
        if name in WAITING:
            self.wait(name)
        state = self._state(function, name, arguments, generators)
        compute = self._computing(function, arguments, named, state, keep_device=kind == "meta")
        written = _written(function, arguments, named)
        if self.graph is not None:
            self.graph.keep_before(written)
        made = compute()
        if name in ON_PROCESSOR or kind == "meta":
            return made
        return self._wrapped(made, compute, ours, written)

    def _check(
        self, name: str, flat: list[Any], arguments: tuple[Any, ...], *, on_card: bool
    ) -> None:
        """Refuse tensors of two devices, and record copies between them."""
        others = [
            one for one in flat if isinstance(one, Tensor) and not isinstance(one, CardTensor)
        ]
        if name in {"_to_copy", "copy_", "to"}:  # `to` in inference mode
            if others:
                self.wait("numbers are copied between processor and card")
            return
        if name in INDEXING and on_card:
            if any(one.dim() for one in others):
                self.wait("numbers of the processor are an index")
            masks = (torch.bool, torch.uint8)
            if any(
                isinstance(one, Tensor) and one.dtype in masks for one in tree_leaves(arguments[1])
            ):
                self.wait("a mask is an index")
            return
        for one in others:
            if one.dim() or one.device.type != "cpu" or name.startswith(("_foreach", "_fused")):
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but {name} has cuda:0 and "
                    f"{one.device} {tuple(one.shape)}"
                )

    def _state(
        self, function: Any, name: str, arguments: tuple[Any, ...], generators: list[Any]
    ) -> State | None:
        """Return the generator state that an operation draws from; None if it draws nothing."""
        unused = name == "native_dropout" and not arguments[2]
        if torch.Tag.nondeterministic_seeded not in function.tags or unused:
            return None
        found = self.generators.get(generators[0]._cdata) if generators else self.generator
        if found is None:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        if self.graph is not None and found.state not in self.graph.states:
            self.refuse_in_graph("a generator that was not registered")
        if self.graph is None and found.state.recorded:
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")
        return found.state

    def _computing(
        self,
        function: Any,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
        state: State | None,
        *,
        keep_device: bool,
    ) -> Callable[[], Any]:
        """Return a function that computes the operation on the processor at each call."""

        def held(one: Any) -> Any:
            if isinstance(one, CardTensor):
                return one.held
            return state.source if state and isinstance(one, OnProcessor) else one

        real, named = tree_map(held, (arguments, named))
        if "device" in named and not keep_device:
            named = {**named, "device": torch.device("cpu")}
        compute = partial(function, *real)
        if state is None or any(isinstance(one, OnProcessor) for one in tree_leaves((real, named))):
            return partial(compute, **named)
        return partial(started, state, compute, named)

    def _wrapped(
        self,
        made: Any,
        compute: Callable[[], Any],
        ours: list[CardTensor],
        written: list[CardTensor],
    ) -> Any:
        """Return results as tensors of the GPU, and record the kernel that made them."""
        leaves, shape = tree_flatten(made)
        known = {one.held.untyped_storage()._cdata: one for one in ours}
        fresh: list[tuple[int, Tensor]] = []
        results: list[Any] = []
        for place, one in enumerate(leaves):
            same = [card for card in ours if card.held is one]
            if not isinstance(one, Tensor) or same:
                results.append(same[0] if same else one)
                continue
            base = known.get(one.untyped_storage()._cdata)
            if base is None:
                fresh.append((place, one))
            # A view has the inference flag of its base, even in another mode.
            within = torch.is_inference_mode_enabled() if base is None else base.is_inference()
            with torch.inference_mode(within):
                results.append(CardTensor.made(self, one, self._block(one)))
        writes = [one.block for one in written] + [results[place].block for place, _ in fresh]
        if writes:  # otherwise it is a view
            reads = [one.block for one in ours]
            if self.graph is None:
                self.timeline.run(self.stream, reads, writes)
            else:
                again = partial(_leaves_of, compute)
                self.graph.show(again, fresh, reads, writes, (ours, results))
        return tree_unflatten(results, shape)

    def _block(self, held: Tensor) -> Block:
        key = held.untyped_storage()._cdata
        known = self._blocks.get(key)
        block = None if known is None else known()
        if block is None:
            if self.graph is None:
                self.timeline.allocated(self.stream)
            block = Block(self.timeline, self.stream, in_graph=self.graph is not None)
            self._blocks[key] = ref(block)
        return block

    @contextmanager
    def _in_stream(self, stream: Stream) -> Iterator[None]:
        before, self.stream = self.stream, stream
        try:
            yield
        finally:
            self.stream = before

    def _wait_for_all(self, why: str, *_: Any) -> None:
        for one in self.timeline.streams:
            self.wait(why, one)

    def _replaced(self) -> Iterator[tuple[Any, str, Any]]:
        """Yield the attributes that PyTorch sets differently on a machine with a GPU."""
        about = SimpleNamespace(name="made up", total_memory=80 * GIBIBYTE, major=9, minor=0)
        facts = {
            "current_device": 0,
            "current_stream": None,
            "device_count": 1,
            "get_device_capability": (9, 0),
            "get_device_properties": about,
            "graph_pool_handle": (0, 1),
            "init": None,
            "is_available": True,
            "is_bf16_supported": True,
            "is_initialized": True,
            "mem_get_info": (70 * GIBIBYTE, 80 * GIBIBYTE),
            "memory_allocated": 0,
            "memory_reserved": 0,
            "_lazy_init": None,
        }
        for name, value in facts.items():
            yield torch.cuda, name, partial(_said, value)
        calls: dict[str, Any] = {
            "CUDAGraph": partial(Graph, self),
            "Stream": partial(Stream, self),
            "current_stream": lambda *_: self.stream,
            "default_generators": (self.generator,),
            "empty_cache": partial(self._wait_for_all, "memory is given back"),
            "get_rng_state": lambda *_: self.generator.get_state(),
            "initial_seed": self.generator.initial_seed,
            "is_current_stream_capturing": lambda: self.graph is not None,
            "manual_seed_all": self.generator.manual_seed,
            "set_rng_state": lambda state, *_: self.generator.set_state(state),
            "stream": self._in_stream,
            "synchronize": partial(self._wait_for_all, "the card is waited for"),
        }
        for name, value in calls.items():
            yield torch.cuda, name, value
        yield torch.accelerator, "current_accelerator", partial(_said, self.device)
        yield torch.accelerator, "current_stream", lambda *_: self.stream
        yield torch, "Generator", generator_class(self)
        autocast = torch.autocast
        yield torch, "autocast", lambda kind, **named: autocast("cpu", **named)
        grouped = torch.optim.Optimizer._group_tensors_by_device_and_dtype
        yield (
            torch.optim.Optimizer,
            "_group_tensors_by_device_and_dtype",
            staticmethod(lambda *given: _by_device(grouped(*given))),
        )
        yield CUDA, "_cuda_clearCublasWorkspaces", partial(_said, None)


class _Watching(TorchDispatchMode):
    """Sends each operation of this thread to the fake GPU."""

    def __init__(self, card: MadeUpCard) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.card = card

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return self.card.dispatch(function, args, kwargs or {})


def _said(value: Any, *_: Any, **__: Any) -> Any:
    return value


def _leaves_of(compute: Callable[[], Any]) -> list[Any]:
    return tree_leaves(compute())


def _by_device(groups: dict[Any, Any]) -> dict[Any, Any]:
    """Return an optimizer's groups of tensors, keyed by the devices that the tensors claim."""
    return {(group[0][0][0].device, kind): group for (_, kind), group in groups.items()}


def _written(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> list[CardTensor]:
    """Return the tensors that an operation writes into."""
    if "batch_norm" in function._schema.name and "backward" not in function._schema.name:
        return [one for one in arguments[3:5] if isinstance(one, CardTensor) and arguments[5]]
    found = []
    for place, one in enumerate(function._schema.arguments):
        if one.alias_info is not None and one.alias_info.is_write:
            value = arguments[place] if place < len(arguments) else named.get(one.name)
            found += [leaf for leaf in tree_leaves(value) if isinstance(leaf, CardTensor)]
    return found
