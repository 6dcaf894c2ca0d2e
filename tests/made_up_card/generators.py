"""Random generators of the fake GPU, whose states can be passed to graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from tests.made_up_card.card import MadeUpCard

OnProcessor: Any = torch.Generator


class State:
    """The state that a generator draws from.

    Attributes:
        recorded: whether a failed recording has left it marked, as before PyTorch 2.13.
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.recorded = seed, False
        self.source = OnProcessor().manual_seed(seed)

    def copy(self) -> State:
        made = State(self.seed)
        made.source.set_state(self.source.get_state())
        return made


class CardGenerator(OnProcessor):  # type: ignore[misc]  # a class that mypy takes for anything
    """Replaces torch.Generator("cuda")."""

    def __new__(cls, card: MadeUpCard, state: State | None = None) -> CardGenerator:
        made: CardGenerator = super().__new__(cls)
        return made

    def __init__(self, card: MadeUpCard, state: State | None = None) -> None:
        self.card, self.state = card, state or State(0)
        card.generators[self._cdata] = self

    @property
    def device(self) -> torch.device:
        return self.card.device

    def manual_seed(self, seed: int) -> CardGenerator:
        self.card.refuse_in_graph("a generator is seeded")
        self.state.seed = seed
        self.state.source.manual_seed(seed)
        return self

    def initial_seed(self) -> int:
        return self.state.seed

    def get_state(self) -> Any:
        return self.state.source.get_state()

    def set_state(self, state: Any) -> CardGenerator:
        self.card.refuse_in_graph("a generator is set")
        self.state.source.set_state(state)
        return self

    def graphsafe_get_state(self) -> CardGenerator:
        return CardGenerator(self.card, self.state)

    def graphsafe_set_state(self, other: CardGenerator) -> CardGenerator:
        self.state = other.state
        return self

    def clone_state(self) -> CardGenerator:
        return CardGenerator(self.card, self.state.copy())


def generator_class(card: MadeUpCard) -> type:
    """Return the replacement for torch.Generator while the fake GPU is in use."""

    class Either(type):
        def __instancecheck__(cls, one: object) -> bool:
            return isinstance(one, OnProcessor)

    class Generator(metaclass=Either):
        def __new__(cls, device: object = "cpu") -> Any:
            on_card = torch.device(str(device)).type == card.device.type
            return CardGenerator(card) if on_card else OnProcessor(device)

    return Generator
