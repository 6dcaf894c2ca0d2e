"""The global generators of fits that take turns in a process."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tuner.engines.generators import GeneratorsInTurns
from tuner.training.randomness import OwnGenerators, undisturbed
from tuner.unpromised.by_numpy import global_generator, memory_of, replace_global

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def replace() -> None:
    replace_global(np.random.PCG64(4))


def set_back() -> None:
    np.random.set_state(np.random.RandomState(8).get_state())


# What a fit does in its turns: nothing, draws of each kind, and what user code has been seen to do.
TURNS: tuple[Callable[[], object], ...] = (
    lambda: None,
    lambda: np.random.rand(2),
    lambda: np.random.randn(1),  # the second of the pair is left for the next turn
    lambda: None,
    lambda: np.random.randn(1),
    lambda: np.random.randn(3),
    lambda: np.random.randint(9),
    lambda: seed(5),
    lambda: np.random.randn(1),
    set_back,
    lambda: (random.random(), random.gauss(0, 1), torch.rand(2).tolist()),
    replace,
    lambda: np.random.randn(1),
    lambda: np.random.randn(1),
)


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """The generators of the tests, as they were."""
    generator = global_generator()
    with undisturbed():
        yield
        replace_global(generator)


def drawn(
    kind: type[GeneratorsInTurns] | type[OwnGenerators],
    fits: int,
    turns: Sequence[Callable[[], object]] = TURNS,
) -> list[list[object]]:
    """What each fit draws, by turns."""
    seed(0)
    others = global_generator()
    generators = [kind() for _ in range(fits)]
    found: list[list[object]] = [[] for _ in generators]
    for turn in turns:
        for place, own in enumerate(generators):
            with own.in_use():
                if not found[place]:
                    seed(place)
                found[place].append(repr(turn()))
                found[place].append((random.random(), torch.rand(1).item()))
    assert global_generator() is others
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == first()
    return found


def first() -> tuple[float, float, float]:
    seed(0)
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_fits_draw_what_each_draws_alone() -> None:
    together = drawn(GeneratorsInTurns, 3)
    assert together[:1] == drawn(GeneratorsInTurns, 1)
    assert together[0] != together[1]


def test_a_turn_draws_what_it_would_if_all_states_were_saved() -> None:
    turns = TURNS[: TURNS.index(replace)]
    assert drawn(GeneratorsInTurns, 2, turns) == drawn(OwnGenerators, 2, turns)


def test_a_draw_is_seen_in_a_generators_memory() -> None:
    generator = np.random.MT19937(3)
    numbers = np.random.Generator(generator)
    for _ in range(1300):  # twice as many as it makes at once
        before = memory_of(generator)
        assert before == memory_of(generator)
        numbers.integers(2**32, dtype=np.uint32)
        assert memory_of(generator) != before
    words = generator.state["state"]
    expected = words["key"].tobytes() + np.int32(words["pos"]).tobytes()
    assert memory_of(generator) == expected
    assert memory_of(np.random.PCG64()) is None


def test_numpys_state_is_not_saved_where_nothing_was_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GPU waits meanwhile, for as long as it takes for some steps."""
    own = GeneratorsInTurns()

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("this takes some 40 microseconds")

    with monkeypatch.context() as refused:
        refused.setattr(np.random, "get_state", refuse)
        refused.setattr(np.random, "set_state", refuse)
        for _ in range(2):
            with own.in_use():
                random.random()
