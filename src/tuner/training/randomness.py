"""The global random generators: seeds them for a training, and protects them from users' code.

A training draws from torch's global generator, like any PyTorch code. A user's `build` may seed it
(`torch.manual_seed(0)`, often left over from a script), and would then give every training the same
stream.

All threads of a process share these generators, so only one at a time uses them.
"""

from __future__ import annotations

import random
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tuner.generators import ONE_AT_A_TIME
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Iterator


def seed_others(seed: int) -> None:
    """Seed Python's and NumPy's global generators, from which a user's model may draw."""
    random.seed(derive(seed, Stream.PYTHON))
    np.random.seed(derive(seed, Stream.NUMPY))  # the generator that user code draws from


@contextmanager
def keep_seeded(seed: int) -> Iterator[None]:
    """Make the global generators depend on `seed` after this block, even if the block seeds them.

    Torch's is left as the block leaves it, unless the block has seeded it. Python's and NumPy's are
    always seeded again, because tuner itself never draws from them.
    """
    before = _torch_seeds()
    try:
        yield
    finally:
        if _torch_seeds() != before:
            torch.manual_seed(derive(seed, Stream.AFTER_BUILD))
        seed_others(seed)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Restore the global generators after this block."""
    with ONE_AT_A_TIME, put_back():
        yield


@contextmanager
def put_back() -> Iterator[None]:
    """Restore the generators like `undisturbed`, while other threads may use them meanwhile."""
    torch_generators = ExitStack()
    with ONE_AT_A_TIME:
        python, numpy = random.getstate(), np.random.get_state()
        devices = [torch.cuda.current_device()] if _on_gpu() else []
        torch_generators.enter_context(torch.random.fork_rng(devices=devices))
    try:
        yield
    finally:
        with ONE_AT_A_TIME:
            torch_generators.close()
            random.setstate(python)
            np.random.set_state(numpy)


class OwnGenerators:
    """The global generators as one of several trainings in a process sees them."""

    def __init__(self) -> None:
        self._states: tuple[Any, Any, torch.Tensor] | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Continue in this block with this training's generators, then restore the others."""
        with ONE_AT_A_TIME:
            others = _states()
            if self._states is not None:
                _set(self._states)
            try:
                yield
            finally:
                self._states = _states()
                _set(others)


def _states() -> tuple[Any, Any, torch.Tensor]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _set(states: tuple[Any, Any, torch.Tensor]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


def _torch_seeds() -> tuple[int, ...]:
    """Return the last seeds of torch's generators, which drawing does not change."""
    return (torch.initial_seed(), *([torch.cuda.initial_seed()] if _on_gpu() else []))


def _on_gpu() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()
