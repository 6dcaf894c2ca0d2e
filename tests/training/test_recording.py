"""Which steps a GPU may record. CUDA graphs are faked; test_on_a_card.py has real ones."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tests.made_up import made_up
from tuner.case.contract import Shape
from tuner.case.loading import load_case
from tuner.data.augment import move
from tuner.errors import CaseError
from tuner.training.lanes import Lane
from tuner.training.plan import Plan
from tuner.training.recording import AsItIs, Recorder, does_the_same_each_time, recorder_for
from tuner.training.remarks import _of_the_recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

MNIST = load_case("mnist")
SHAPE = Shape((1, 28, 28), 10)
FULL = torch.OutOfMemoryError("CUDA out of memory")


class Own(nn.Module):
    """A user's own layer."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


def plain() -> nn.Module:
    made: nn.Module = MNIST.build(replace(MNIST.baseline, batch_norm=True, dropout=0.5), SHAPE)
    return made


def hooked() -> nn.Module:
    network = plain()
    network.register_forward_hook(lambda *_: None)
    return network


def with_a_forward_of_its_own() -> nn.Module:
    network = plain()
    network.forward = lambda inputs: inputs
    return network


def counted(*given: Any) -> Any:
    return given[0]


@pytest.mark.parametrize(
    ("network", "changes", "same"),
    [
        (plain, {}, True),
        (lambda: nn.Sequential(plain(), Own()), {}, False),
        (lambda: nn.Sequential(plain(), Own()), {"cuda_graph": True}, True),
        (plain, {"cuda_graph": False}, False),
        (hooked, {}, False),
        (with_a_forward_of_its_own, {}, False),
        (plain, {"augment": counted}, False),
        (plain, {"augment": partial(move, degrees=3, shift=0, scale=0)}, True),
        (plain, {"augment": partial(counted)}, False),
        (plain, {"loss": counted}, False),
        (plain, {"step": counted}, False),
        (plain, {"optimizer": counted}, False),
    ],
)
def test_only_what_does_the_same_each_time_is_recorded(
    network: Callable[[], nn.Module], changes: dict[str, Any], same: bool
) -> None:
    assert does_the_same_each_time(replace(MNIST, **changes), [plain(), network()]) == same


def test_who_has_layers_of_ones_own_is_told_on_a_card() -> None:
    data = made_up("mnist")
    own = replace(MNIST, build=lambda *given: nn.Sequential(MNIST.build(*given), Own()))
    card = Plan(device="cuda")
    (said,) = _of_the_recording(replace(own, augment=counted), data, card)
    assert "in each step: augment, Own. If they" in said
    assert "cuda_graph=True" in said
    for case, plan in (
        (MNIST, card),
        (own, Plan()),
        (replace(own, cuda_graph=True), card),
        (replace(own, cuda_graph=False), card),
        (replace(own, optimizer=counted), card),
    ):
        assert _of_the_recording(case, data, plan) == []


def test_a_processor_records_nothing() -> None:
    assert isinstance(recorder_for(MNIST, [plain()], Lane("cpu", 0), []), AsItIs)


def test_an_optimizer_of_ones_own_cannot_be_recorded() -> None:
    with pytest.raises(CaseError, match=r"cuda_graph is for tuner's own optimizers; leave out"):
        replace(MNIST, optimizer=counted, cuda_graph=True)


class Graph:
    """A fake CUDA graph that doubles numbers."""

    shown: tuple[Tensor, Tensor]
    refusal: Exception | None = None
    replays = 0

    def register_generator_state(self, source: object) -> None:
        pass

    def capture_begin(self, pool: object) -> None:
        pass

    def capture_end(self) -> None:
        if Graph.refusal:
            raise Graph.refusal
        self.inputs, self.made = Graph.shown

    def replay(self) -> None:
        Graph.replays += 1
        self.made.copy_(self.inputs * 2)


class Generators:
    """A lane and a generator for a recording that may fail."""

    renewed = finished = 0

    def finish(self) -> None:
        self.finished += 1

    def renew(self) -> None:
        self.renewed += 1

    def clone_state(self) -> Generators:
        return self

    def graphsafe_set_state(self, state: Generators) -> None:
        state.renewed += 1


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", tuple)
    monkeypatch.setattr(Graph, "refusal", None)
    monkeypatch.setattr(Graph, "replays", 0)


def doubled(calls: list[int]) -> Callable[[Tensor], Tensor]:
    def double(numbers: Tensor) -> Tensor:
        calls.append(len(numbers))
        made = numbers * 2
        Graph.shown = numbers, made
        return made

    return double


@pytest.mark.usefixtures("graphs")
def test_each_shape_is_done_once_then_shown_once_then_replayed() -> None:
    calls: list[int] = []
    double = doubled(calls)
    recorder = Recorder(Generators(), [])  # type: ignore[arg-type]
    batches = [torch.arange(size) + offset for offset in range(4) for size in (5, 5, 3)]
    for batch in batches:
        assert torch.equal(recorder("double", double, batch), batch * 2)
    assert calls == [5, 5, 3, 3]
    assert Graph.replays == len(batches) - 2  # except the first of each shape
    recorder("another", double, batches[0])
    assert len(calls) == 5


@pytest.mark.usefixtures("graphs")
def test_what_cannot_be_recorded_is_done_as_it_is_each_time() -> None:
    Graph.refusal = RuntimeError("operation not permitted when stream is capturing")
    calls: list[int] = []
    double, lane, source = doubled(calls), Generators(), Generators()
    recorder = Recorder(lane, [source])  # type: ignore[arg-type, list-item]
    for offset in range(4):
        batch = torch.arange(5) + offset
        assert torch.equal(recorder("double", double, batch), batch * 2)
    assert len(calls) == 5, "once in vain"
    assert (lane.renewed, source.renewed, Graph.replays) == (1, 1, 0)


@pytest.mark.usefixtures("graphs")
def test_after_that_nothing_recorded_before_is_replayed() -> None:
    """Its generators have another state now, and a graph would not draw from it."""
    calls: list[int] = []
    double, lane, source = doubled(calls), Generators(), Generators()
    recorder = Recorder(lane, [source])  # type: ignore[arg-type, list-item]
    batch = torch.arange(5)
    for _ in range(3):
        recorder("step", double, batch)
    assert (len(calls), Graph.replays) == (2, 2)
    recorder("validation", double, batch)
    Graph.refusal = RuntimeError("operation not permitted when stream is capturing")
    recorder("validation", double, batch)
    Graph.refusal = None
    for _ in range(3):
        assert torch.equal(recorder("step", double, batch), batch * 2)
        assert torch.equal(recorder("validation", double, batch), batch * 2)
    assert Graph.replays == 2
    assert (lane.finished, lane.renewed, source.renewed) == (1, 1, 1)


@pytest.mark.usefixtures("graphs")
def test_a_card_that_is_full_is_not_mistaken_for_that() -> None:
    Graph.refusal = FULL
    recorder = Recorder(Generators(), [])  # type: ignore[arg-type]
    recorder("double", doubled([]), torch.arange(5))
    with pytest.raises(torch.OutOfMemoryError):
        recorder("double", doubled([]), torch.arange(5))
