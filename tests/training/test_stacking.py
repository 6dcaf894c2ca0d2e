"""A stacked model trains as it would alone, or is not stacked: for every kind of layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils import weight_norm as old_weight_norm

from tests.sampling import one_in
from tuner.case.contract import Case, Hyperparameters
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.splits import KFold, folds
from tuner.training import networks
from tuner.training.fitting import fit
from tuner.training.plan import Plan
from tuner.training.stacking import can_stack, layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.data.dataset import Dataset
    from tuner.training.inference import Fitted

FEATURES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plainest(Hyperparameters):
    epochs: int = 2
    batch_size: int = 8
    learning_rate: float = 0.01
    weight_decay: float = 0.01


def made() -> Dataset:
    random = torch.Generator().manual_seed(0)
    features = torch.randn(45, FEATURES, generator=random)
    targets = features[:, :1] * 2 + torch.randn(45, 1, generator=random)
    rows = Examples(features=features, targets=targets)
    return make_dataset(
        name="made",
        source="random numbers",
        development=rows,
        test=rows,
        validation=KFold(3),
        columns=("a", "b", "c", "d"),
    )


DATA = made()


def case_of(build: Callable[[], nn.Module]) -> Case:
    return Case(
        name="layers",
        task="regression",
        baseline=Plainest(),
        recipe=Plainest(),
        suggest=lambda trial: Plainest(),
        load=lambda folders: DATA,
        build=lambda hyperparameters, shape: build(),
    )


def trained(case: Case, seed: int | list[int]) -> tuple[list[Any], tuple[Fitted, ...]]:
    points, running = (
        [],
        fit(case, case.baseline, DATA, folds(DATA.development, KFold(3), 0), seed, Plan(), 2),
    )
    while True:
        try:
            points.append(next(running))
        except StopIteration as end:
            return points, end.value


class Doubled(nn.Sequential):
    def forward(self, inputs: Tensor) -> Tensor:
        for layer in self:
            inputs = layer(inputs)
        return 2 * inputs


class Shifted(nn.Linear):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) + 1


class Leaky(nn.ReLU):
    def forward(self, inputs: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(inputs, 0.3)


class Halving(nn.Dropout):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs / 2


def plain(*middle: nn.Module, width: int = 5) -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURES, width), *middle, nn.Linear(width, 1))


def changed(change: Callable[[nn.Sequential], object]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        network = plain(nn.BatchNorm1d(5), nn.Tanh())
        change(network)
        return network

    return build


def first_weight(network: nn.Sequential) -> nn.Parameter:
    return next(network.parameters())


def frozen(network: nn.Sequential) -> None:
    first_weight(network).requires_grad_(False)


def zero_gamma(network: nn.Sequential) -> None:
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm1d)
    nn.init.zeros_(norm.weight)
    nn.init.constant_(norm.bias, 0.3)
    assert norm.running_mean is not None
    norm.running_mean += 0.5


def tied() -> nn.Module:
    first, second = nn.Linear(FEATURES, FEATURES), nn.Linear(FEATURES, FEATURES)
    second.weight = first.weight
    return nn.Sequential(first, nn.Tanh(), second, nn.Linear(FEATURES, 1))


def one_memory() -> nn.Module:
    first, second = nn.Linear(FEATURES, FEATURES), nn.Linear(FEATURES, FEATURES)
    second.weight = nn.Parameter(first.weight.data)
    return nn.Sequential(first, nn.Tanh(), second, nn.Linear(FEATURES, 1))


def shared() -> nn.Module:
    layer, act = nn.Linear(FEATURES, FEATURES), nn.ReLU()
    return nn.Sequential(layer, act, layer, act, nn.Linear(FEATURES, 1))


def hooked(network: nn.Sequential) -> None:
    network[0].register_forward_hook(lambda layer, inputs, outputs: outputs * 3)


def hooked_before(network: nn.Sequential) -> None:
    network.register_forward_pre_hook(lambda layer, inputs: (inputs[0] * 3,))


def hooked_backward(network: nn.Sequential) -> None:
    network[2].register_full_backward_hook(lambda layer, inputs, outputs: None)


def hooked_weight(network: nn.Sequential) -> None:
    first_weight(network).register_hook(lambda gradient: gradient * 0)


def hooked_gradient(network: nn.Sequential) -> None:
    first_weight(network).register_post_accumulate_grad_hook(lambda weight: None)


def own_forward(network: nn.Sequential) -> None:
    network[2].forward = lambda inputs: inputs * 3


def extra_buffer(network: nn.Sequential) -> None:
    network[0].register_buffer("scale", torch.ones(1))


def extra_parameter(network: nn.Sequential) -> None:
    network[0].register_parameter("scale", nn.Parameter(torch.ones(1)))


def in_double(network: nn.Sequential) -> None:
    network[0].extra = nn.Linear(1, 1)


STACKED: dict[str, Callable[[], nn.Module]] = {
    "linear": plain,
    "one layer": lambda: nn.Sequential(nn.Linear(FEATURES, 1)),
    "relu": lambda: plain(nn.ReLU()),
    "relu in place": lambda: plain(nn.ReLU(inplace=True)),
    "silu": lambda: plain(nn.SiLU()),
    "gelu": lambda: plain(nn.GELU()),
    "gelu by tanh": lambda: plain(nn.GELU("tanh")),
    "tanh": lambda: plain(nn.Tanh()),
    "batch norm": lambda: plain(nn.BatchNorm1d(5), nn.ReLU()),
    "batch norm, other eps": lambda: plain(nn.BatchNorm1d(5, eps=0.1), nn.ReLU()),
    "batch norm, other initial weights": changed(zero_gamma),
    "a shared activation": lambda: plain(*[nn.ReLU()] * 2),
}
NOT_STACKED: dict[str, Callable[[], nn.Module]] = {
    "own forward of the network": lambda: Doubled(*plain(nn.ReLU())),
    "own forward of a layer": lambda: nn.Sequential(Shifted(FEATURES, 1)),
    "own forward of an activation": lambda: plain(Leaky()),
    "own forward of a dropout": lambda: plain(Halving(0.5)),
    "own forward of one layer alone": changed(own_forward),
    "no bias": lambda: nn.Sequential(nn.Linear(FEATURES, 1, bias=False)),
    "parametrized": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(FEATURES, 1))),
    "spectral": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(FEATURES, 1))),
    "frozen": changed(frozen),
    "tied": tied,
    "one memory": one_memory,
    "shared": shared,
    "forward hook": changed(hooked),
    "hook before": changed(hooked_before),
    "backward hook": changed(hooked_backward),
    "hook on a weight": changed(hooked_weight),
    "hook on a gradient": changed(hooked_gradient),
    "no running statistics": lambda: plain(nn.BatchNorm1d(5, track_running_stats=False)),
    "other momentum": lambda: plain(nn.BatchNorm1d(5, momentum=0.5)),
    "cumulative mean": lambda: plain(nn.BatchNorm1d(5, momentum=None)),
    "not affine": lambda: plain(nn.BatchNorm1d(5, affine=False)),
    "extra buffer": changed(extra_buffer),
    "extra parameter": changed(extra_parameter),
    "extra layer": changed(in_double),
    "an unknown layer": lambda: plain(nn.LayerNorm(5)),
    "nested": lambda: nn.Sequential(plain()),
    "no sequence": lambda: nn.Linear(FEATURES, 1),
    "all dropped": lambda: plain(nn.Dropout(1.0)),
}
KINDS = {**STACKED, **NOT_STACKED}


@pytest.mark.parametrize("name", one_in(3, KINDS))
def test_stacked_training_is_that_of_each_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(KINDS[name])
    points, together = trained(case, [5, 6, 7])
    monkeypatch.setattr(networks, "layout", lambda network: None)
    alone_points, alone = trained(case, [5, 6, 7])
    for one, other in zip(points, alone_points, strict=True):
        assert one.fold_scores == pytest.approx(other.fold_scores, rel=1e-4)
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
        assert one.work == pytest.approx(other.work, rel=0.9)
    for stacked, single in zip(together, alone, strict=True):
        weights, expected = stacked.model.state_dict(), single.model.state_dict()
        assert weights.keys() == expected.keys()
        for key, value in weights.items():
            torch.testing.assert_close(value, expected[key], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_which_kinds_are_stacked(name: str) -> None:
    torch.manual_seed(0)
    network = KINDS[name]()
    before = torch.random.get_rng_state()
    assert can_stack(network) == (name in STACKED)
    assert torch.equal(torch.random.get_rng_state(), before), "looking draws nothing"


def test_networks_of_other_layers_are_other_stacks() -> None:
    widths = iter([3, 4, 3])
    case = case_of(lambda: plain(nn.Tanh(), width=next(widths)))
    points, models = trained(case, [1, 2, 3])
    assert len(points[-1].fold_scores) == 3
    assert [model.model[0].out_features for model in models] == [3, 4, 3]  # type: ignore[index]


def test_settings_are_part_of_the_layout() -> None:
    seen = {
        layout(plain(middle))
        for middle in (nn.ReLU(), nn.Dropout(0.1), nn.Dropout(0.2), nn.GELU(), nn.GELU("tanh"))
    }
    assert len(seen) == 5
    assert None not in seen
    assert layout(plain()) == layout(plain())


def test_layers_without_a_size_are_not_stacked() -> None:
    assert layout(nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(1))) is None


def test_old_weight_normalisation_is_not_stacked() -> None:
    assert not can_stack(nn.Sequential(old_style(), nn.ReLU()))


def old_style() -> nn.Module:
    """A layer with weight normalisation as a hook, which torch still has."""
    with pytest.warns(FutureWarning):
        normed: nn.Module = old_weight_norm(nn.Linear(FEATURES, 1))
    return normed
