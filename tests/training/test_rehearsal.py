"""Whatever would break a study is reported before it begins; sound cases pass."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.made_up import CASES, made_up
from tests.making import TINY
from tests.sampling import one_in
from tuner.case.loading import load_case
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.folders import Folders
from tuner.errors import CaseError
from tuner.training.plan import Plan, plan_for
from tuner.training.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.training.rehearsal import Rehearsal

TINY_CASE = load_case(TINY)
DATA = TINY_CASE.load(Folders())


class Net(nn.Module):
    """A network with the `forward` of a test."""

    def __init__(self, change: Callable[[Net, Tensor], Any]) -> None:
        super().__init__()
        self.layer, self.change = nn.Linear(2, 2), change
        self.drawn = torch.randn(2)

    def forward(self, rows: Tensor) -> Any:
        return self.change(self, rows)


def with_forward(change: Callable[[Net, Tensor], Any]) -> Case:
    return replace(TINY_CASE, build=lambda *_: Net(change))


def with_build(build: Callable[[], Any]) -> Case:
    return replace(TINY_CASE, build=lambda *_: build())


def check(case: Case, data: Dataset = DATA) -> Rehearsal:
    return rehearse(case, data, plan_for(case.task, images=data.pixels is not None))


@pytest.mark.parametrize("reference", one_in(2, CASES))
def test_sound_cases_pass_and_no_generator_moves(reference: str) -> None:
    case = load_case(reference)
    before = states()
    found = check(case, made_up(reference))
    assert (found.seed_matters, found.remarks) == ("weights", ())
    assert states() == before


def states() -> tuple[object, ...]:
    drawn_by_numpy = repr(np.random.get_state(legacy=False))
    return random.getstate(), drawn_by_numpy, torch.get_rng_state().numpy().tobytes()


def raises(net: Net, rows: Tensor) -> Tensor:
    raise IndexError("index out of range in self")


def untrained(net: Net, rows: Tensor) -> Tensor:
    if net.training:
        return net.layer(rows)  # type: ignore[no-any-return]
    return net.layer(rows).squeeze(0)  # type: ignore[no-any-return]


def frozen() -> nn.Module:
    return nn.Linear(2, 2).requires_grad_(False)


def forgetful() -> nn.Module:
    return Net(lambda net, rows: net.layer(rows) + net.drawn)


def random_depth() -> nn.Module:
    layers = [nn.Linear(2, 2) for _ in range(1 + int(torch.randint(0, 8, ()).item()))]
    return nn.Sequential(*layers, nn.ReLU())


class Unsaved(nn.Linear):
    def get_extra_state(self) -> Any:
        return {"seen": 3}

    def set_extra_state(self, state: Any) -> None:
        pass


BROKEN: dict[str, tuple[Case, str]] = {
    "raises": (with_forward(raises), r"line \d+ of test_rehearsal.py: IndexError: index out of"),
    "too few dimensions": (
        with_forward(lambda net, rows: net.layer(rows)[:, 0]),
        r"the model returns shape \(2,\) for a batch of 2 rows; it has to return \(2, 2\) \(se",
    ),
    "too many outputs": (with_build(lambda: nn.Linear(2, 3)), r"shape \(2, 3\).* return \(2, 2\)"),
    "a tuple": (
        with_forward(lambda net, rows: (net.layer(rows), rows)),
        "the model returns tuple; it has to return one tensor",
    ),
    "another shape in use": (
        with_forward(untrained),
        r"in use, the model returns shape \(2,\) for a batch of 1 rows",
    ),
    "no network": (with_build(lambda: None), "build returns NoneType; it has to return an nn.Mod"),
    "nothing to train": (with_build(frozen), "the model has no parameter that requires a gradient"),
    "no gradient": (
        with_forward(lambda net, rows: net.layer(rows).detach()),
        r"its loss does not depend on the model's parameters.* \(see line \d+ of test_rehearsal",
    ),
    "no gradient, and numbers that need one": (
        with_forward(lambda net, rows: net.layer(rows).round().long().float()),
        "its loss does not depend on the model's parameters",
    ),
    "a loss that is not finite": (
        with_forward(lambda net, rows: net.layer(rows) / 0),
        "before any training, the model gives a loss that is not finite",
    ),
    "another number of features": (
        with_build(lambda: nn.Linear(7, 2)),
        r"mat1 and mat2 shapes cannot be multiplied .*\(build is at line \d+ of test_rehearsal.py",
    ),
    "other layers each time": (
        with_build(random_depth),
        "saved weights cannot be loaded into the model that build makes with another seed",
    ),
    "drawn outside its weights": (with_build(forgetful), "saved and loaded again, the model gives"),
    "layers without a size": (
        with_build(lambda: nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))),
        r"layers without a size \(LazyLinear\), .* Have build apply it to one row",
    ),
    "what cannot be saved": (with_build(lambda: Unsaved(2, 2)), "its weights cannot be saved"),
    "augment": (
        replace(TINY_CASE, augment=lambda rows, *_: rows[:1]),
        r"augment returns a batch of shape \(1, 2\); .* takes, \(2, 2\)",
    ),
    "augment raises": (
        replace(TINY_CASE, augment=lambda rows, *_: rows[:, 7]),
        r"line \d+ of test_rehearsal.py: IndexError",
    ),
    "one row and BatchNorm": (
        replace(TINY_CASE, recipe=replace(TINY_CASE.recipe, batch_size=1, batch_norm=True)),
        "BatchNorm cannot train on a batch of one row",
    ),
    "no rows in a batch": (
        replace(TINY_CASE, baseline=replace(TINY_CASE.baseline, batch_size=0)),
        "batch_size is 0; it has to be a whole number of 1 or more",
    ),
    "no epochs": (
        replace(TINY_CASE, baseline=replace(TINY_CASE.baseline, epochs=0)),
        "epochs is 0; it has to be a whole number of 1 or more",
    ),
    "optimizer of an arm": (
        replace(TINY_CASE, recipe=replace(TINY_CASE.recipe, optimizer="sgd")),
        "optimizer is 'sgd'; the trainer knows 'adam', 'adamw' and 'muon'",
    ),
}


@pytest.mark.parametrize("name", one_in(2, BROKEN))
def test_what_would_break_a_study_is_said_in_a_line(name: str) -> None:
    case, message = BROKEN[name]
    before = states()
    with pytest.raises(CaseError, match=message) as caught:
        check(case)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("case 'tiny': ")
    assert states() == before


def test_an_unknown_optimizer_of_the_space_is_named_with_the_line_of_suggest() -> None:
    def suggest(trial: Any) -> Any:
        optimizer = trial.suggest_categorical("optimizer", ("adam", "RMSprop"))
        return replace(TINY_CASE.baseline, optimizer=optimizer)

    message = r"optimizer is 'RMSprop'; .*suggest is at line \d+ of test_rehearsal.py"
    with pytest.raises(CaseError, match=message):
        check(replace(TINY_CASE, suggest=suggest))


@pytest.mark.parametrize(("layers", "said"), [(1, True), (2, False)])
def test_where_muon_has_nothing_to_do_is_said(layers: int, said: bool) -> None:
    def build(hyperparameters: Any, shape: Any) -> nn.Module:
        del hyperparameters, shape
        hidden = [nn.Linear(2, 2) for _ in range(layers - 1)]
        return nn.Sequential(*hidden, nn.Linear(2, 2))

    def suggest(trial: Any) -> Any:
        optimizer = trial.suggest_categorical("optimizer", ("adam", "adamw", "muon"))
        return replace(TINY_CASE.baseline, optimizer=optimizer)

    found = check(replace(TINY_CASE, suggest=suggest, build=build)).remarks
    assert any("optimizer='muon' is the same as 'adamw'" in one for one in found) == said


def test_the_recipe_is_rehearsed_too() -> None:
    def build(hyperparameters: Any, shape: Any) -> nn.Module:
        return nn.Linear(2, 2 if hyperparameters.width == TINY_CASE.baseline.width else 5)

    with pytest.raises(CaseError, match="its recipe cannot be trained: the model returns shape"):
        check(replace(TINY_CASE, build=build))


SOUND: dict[str, Callable[[], nn.Module]] = {
    "looks at values": lambda: Net(
        lambda net, rows: net.layer(rows) if rows.mean().item() < 9 else rows
    ),
    "makes tensors of its own": lambda: Net(lambda net, rows: net.layer(rows) + torch.zeros(2)),
    "needs neighbours": lambda: Net(lambda net, rows: net.layer(rows) + rows.topk(5, dim=0)[0][0]),
    "dropout in use": lambda: Net(lambda net, rows: functional.dropout(net.layer(rows))),
    "tied": lambda: tied(),
}


def tied() -> nn.Module:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    return nn.Sequential(first, nn.Tanh(), second)


@pytest.mark.parametrize("name", SOUND)
def test_what_is_unusual_but_sound_passes(name: str) -> None:
    assert check(with_build(SOUND[name])).seed_matters == "weights"


def seeded() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(2, 2)


def seeded_with_dropout() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))


def full_batch(case: Case) -> Case:
    large = {"batch_size": 60}
    baseline, recipe = replace(case.baseline, **large), replace(case.recipe, **large)
    return replace(case, baseline=baseline, recipe=recipe)


@pytest.mark.parametrize(
    ("case", "effect", "said"),
    [
        (
            with_build(seeded),
            "order",
            r"line \d+ of test_rehearsal.py seeds a generator.*only the or",
        ),
        (full_batch(with_build(seeded)), "nothing", "seeds change nothing. Fresh seeds prove noth"),
        (
            full_batch(with_build(seeded_with_dropout)),
            "order",
            "only the order of batches, dropout",
        ),
        (full_batch(TINY_CASE), "weights", None),
    ],
)
def test_what_a_seed_changes_is_found(case: Case, effect: str, said: str | None) -> None:
    found = check(case)
    assert found.seed_matters == effect
    assert bool(found.remarks) == (said is not None)
    assert said is None or re.search(said, found.remarks[0])


def test_weights_that_no_seed_repeats_are_named() -> None:
    def build() -> nn.Module:
        network = nn.Linear(2, 2)
        network.weight.data.fill_(random.SystemRandom().random())
        return network

    (said,) = check(with_build(build)).remarks
    assert "cannot be repeated bit for bit" in said


@pytest.mark.parametrize(("last", "said"), [(nn.Softmax(-1), 1), (nn.LogSoftmax(-1), 0)])
def test_a_softmax_before_the_loss_is_named(last: nn.Module, said: int) -> None:
    found = check(with_build(lambda: nn.Sequential(nn.Linear(2, 2), last))).remarks
    assert [remark for remark in found if "as after a softmax" in remark] == list(found)
    assert len(found) == said


def test_a_column_is_named_once() -> None:
    """A constant column is in the findings about the data, one that lost its digits here."""
    features = DATA.development.features.clone()
    features[:, 1] = 4
    features[:, 0] += 1.7e9
    rows = Examples(features=features, targets=DATA.development.targets)
    data = make_dataset(
        name="tiny",
        source="two clouds",
        development=rows,
        test=rows,
        validation=DATA.validation,
        classes=DATA.classes,
        columns=DATA.columns,
    )
    (said,) = check(TINY_CASE, data).remarks
    assert re.match("Column 'x' holds numbers near 1.7e.09, which float32 keeps only", said)
    assert data.findings is not None
    assert sum("'y'" in remark for remark in data.findings.remarks()) == 1


def test_the_layout_in_memory_is_the_one_of_the_study() -> None:
    """`view` after a convolution works in one memory format and not in the other."""
    mnist = load_case("mnist")

    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4 * 26 * 26, 2)

        def forward(self, images: Tensor) -> Tensor:
            made = self.layer(images)
            return self.head(made.view(len(made), -1))  # type: ignore[no-any-return]

    viewing = replace(mnist, build=lambda *_: Viewing(), augment=None)
    rehearse(viewing, made_up("mnist"), Plan())
    with pytest.raises(CaseError, match=r"line \d+ of test_rehearsal.py: RuntimeError: view size"):
        rehearse(viewing, made_up("mnist"), Plan(channels_last=True))
