"""The behaviour of a GPU in a training, on a fake one: these tests need no GPU."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import torch
from torch import nn

from tests.made_up import made_up
from tests.made_up_card import MadeUpCard
from tests.making import TINY
from tuner.case.loading import load_case
from tuner.data.sources.folders import Folders
from tuner.data.splits import KFold, folds
from tuner.training import rows
from tuner.training.fitting import fit
from tuner.training.plan import Plan
from tuner.training.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.training.fitting import ReportPoint
    from tuner.training.inference import Fitted

SHIPPED = ("mnist", "flowers", "housing")
# Places where a fit may wait: during its setup, and after its end.
AT_THE_ENDS = (" make_learners", " make_trainers", " fitted", " finish")


@pytest.fixture
def card() -> Iterator[MadeUpCard]:
    """A fake GPU in use, with no memory of an earlier one."""
    with MadeUpCard().in_use() as found:
        rows._last_copy.clear()
        yield found
        rows._last_copy.clear()


def case_of(name: str) -> tuple[Case, Dataset]:
    case = load_case(name)
    data = case.load(Folders()) if name == TINY else made_up(name, 14)
    return case.settled(data), data


def drawn(case: Case, number: int, **fixed: Any) -> Any:
    """Return a configuration of the search space, made small."""
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=number)).ask()
    wanted = {"epochs": 3, "batch_size": 4, "width": 8, "hidden": 4, "convolutions": 1, **fixed}
    made = case.suggest(trial)
    return replace(made, **{name: one for name, one in wanted.items() if hasattr(made, name)})


def plan_of(data: Dataset, number: int = 0, device: str = "cuda") -> Plan:
    images = data.pixels is not None
    half = images and number % 2 == 1
    return Plan(
        device=device,
        channels_last=images,
        precision="bfloat16" if half else "float32",
        evaluation_batch=5,
    )


def trained(
    case: Case, data: Dataset, made: Any, plan: Plan, seed: int | list[int] = 0
) -> tuple[list[ReportPoint], tuple[Fitted, ...]]:
    parts = folds(data.development, KFold(2), 0)
    running, points = fit(case, made, data, parts, seed, plan), []
    while True:
        try:
            points.append(next(running))
        except StopIteration as end:
            return points, end.value


def waits(card: MadeUpCard) -> Counter[str]:
    """Return the waits for the GPU between the first step and the last."""
    lines = {one: count for one, count in card.told.items() if not any(map(one.count, AT_THE_ENDS))}
    return Counter(lines)


def assert_one_wait_a_point(card: MadeUpCard, points: Sequence[ReportPoint]) -> None:
    told = waits(card)
    reads = [line for line in told if line.startswith("numbers are read: fitting.py:")]
    assert sum(told[line] for line in reads) == len(points)
    assert told.keys() == set(reads), "\n".join(told)


def check(name: str, number: int) -> None:
    """Check a configuration without noise: same numbers as on the processor, one wait per point."""
    case, data = case_of(name)
    made = drawn(case, number, dropout=0.0, augmentation=0.0, breaks=False)
    expected, _ = trained(case, data, made, plan_of(data, number, "cpu"))
    card = MadeUpCard()
    rows._last_copy.clear()
    with card.in_use():
        points, models = trained(case, data, made, plan_of(data, number))
        assert_one_wait_a_point(card, points)
        assert card.replays > 0
        assert all(weight.is_cuda for model in models for weight in model.model.parameters())
        rows._last_copy.clear()
    if made.optimizer == "muon" and plan_of(data, number).precision == "bfloat16":
        return  # a GPU rounds at other places, and to three digits
    for point, other in zip(points, expected, strict=True):
        assert point.train_loss == pytest.approx(other.train_loss, rel=1e-3)
        assert point.fold_scores == pytest.approx(other.fold_scores, abs=5e-3)


@pytest.mark.parametrize(("name", "number"), [("housing", 1), ("mnist", 3)])
def test_a_card_gives_the_processors_numbers_and_is_waited_for_once_a_point(
    name: str, number: int
) -> None:
    check(name, number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("name", SHIPPED)
def test_whatever_the_space_has_trains_on_a_card(name: str, number: int) -> None:
    check(name, number)


def noisy(case: Case) -> Any:
    size = 16 if case.name == "tiny" else 4
    fixed = {"dropout": 0.4, "augmentation": 0.5, "batch_norm": True, "breaks": False}
    return drawn(case, 0, **fixed, batch_size=size)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, [3, 4]])
@pytest.mark.parametrize("name", [*SHIPPED, TINY])
def test_a_recorded_step_draws_what_one_draws_that_is_not(
    card: MadeUpCard, name: str, seed: int | list[int]
) -> None:
    case, data = case_of(name)
    plain = trained(replace(case, cuda_graph=False), data, noisy(case), plan_of(data), seed)
    assert card.recordings == 0
    points, models = trained(case, data, noisy(case), plan_of(data), seed)
    assert card.replays > card.recordings > 0
    assert points == plain[0]
    for one, other in zip(models, plain[1], strict=True):
        ours, theirs = one.model.state_dict(), other.model.state_dict()
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


class Waits(nn.Module):
    """A layer that reads a value from the GPU: always, or only in evaluation."""

    def __init__(self, network: nn.Module, *, always: bool) -> None:
        super().__init__()
        self.network, self.always = network, always

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.network(inputs)
        reads = self.always or not self.training
        return made * float(made.detach().abs().max() >= 0) if reads else made


@pytest.mark.slow
@pytest.mark.parametrize("always", [True, False])
def test_what_cannot_be_recorded_draws_as_if_nobody_had_tried(
    card: MadeUpCard, always: bool
) -> None:
    case, data = case_of(TINY)

    def build(made: Any, shape: Any) -> nn.Module:
        return Waits(load_case(TINY).build(made, shape), always=always)

    case = replace(case, build=build)
    found = [
        trained(replace(case, cuda_graph=record), data, noisy(case), plan_of(data))[0]
        for record in (False, True)
    ]
    assert found[0] == found[1]
    assert (card.replays == 0) == always


def reads(images: torch.Tensor, made: Any, random: torch.Generator) -> torch.Tensor:
    return images * (1.0 if images.sum() > 0 else 0.5)


def copies(images: torch.Tensor, made: Any, random: torch.Generator) -> torch.Tensor:
    return images + torch.tensor([0.1]).to(images.device)


def mixes(images: torch.Tensor, made: Any, random: torch.Generator) -> torch.Tensor:
    return images + torch.zeros(images.shape)


def draws(images: torch.Tensor, made: Any, random: torch.Generator) -> torch.Tensor:
    return images + torch.rand(images.shape, generator=random).to(images.device)


def picks(images: torch.Tensor, made: Any, random: torch.Generator) -> torch.Tensor:
    return images.index_put((images > 1,), torch.ones((), device=images.device))


@pytest.mark.parametrize("augment", [reads, copies, draws, picks])
def test_a_step_that_waits_is_seen(card: MadeUpCard, augment: Any) -> None:
    """The tests above must find such cases in tuner itself."""
    case, data = case_of("flowers")
    made = drawn(case, 0, depth=1, optimizer="adam", epochs=1)
    points, _ = trained(replace(case, augment=augment), data, made, plan_of(data))
    with pytest.raises(AssertionError, match=f"test_made_up_card.py:.* {augment.__name__}"):
        assert_one_wait_a_point(card, points)


def test_a_step_that_mixes_devices_fails(card: MadeUpCard) -> None:
    case, data = case_of("flowers")
    with pytest.raises(RuntimeError, match="to be on the same device"):
        trained(replace(case, augment=mixes), data, drawn(case, 0, depth=1), plan_of(data))


def test_streams_that_do_not_wait_for_each_other_are_seen(card: MadeUpCard) -> None:
    one, other = torch.cuda.Stream(), torch.cuda.Stream()
    with torch.cuda.stream(one):
        made = torch.zeros(3, device="cuda")
    with torch.cuda.stream(other):
        made.add_(1)
    assert [line.partition(":")[0] for line in card.told] == [
        "memory is read before another stream has written",
        "memory is written before another stream has done with it",
    ]
    other.wait_stream(one)
    with torch.cuda.stream(other):
        made.add_(1)
    assert card.told.total() == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHIPPED, TINY])
def test_a_case_is_rehearsed_on_a_card(card: MadeUpCard, name: str) -> None:
    case, data = case_of(name)
    assert rehearse(case, data, plan_of(data)).not_repeatable == ()
