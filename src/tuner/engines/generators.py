"""The global random generators of a process that trains several fits by turns."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tuner.generators import ONE_AT_A_TIME
from tuner.unpromised.by_numpy import global_generator, memory_of, replace_global

if TYPE_CHECKING:
    from collections.abc import Iterator


class GeneratorsInTurns:
    """The global generators as one of several fits in a worker sees them.

    It does the same as `tuner.training.randomness.OwnGenerators`, in a sixth of the time. That
    takes 0.16 ms a turn, most of it to save and restore the state of NumPy's generator, and a turn
    of small networks on a GPU takes 1 ms or less. So here each fit has a generator that replaces
    NumPy's during its turns.

    NumPy forgets the second number of a pair of normal numbers when its generator is replaced. The
    fit's own is put back; that of the process is lost, so this is only for a process in which
    nothing else draws. A fit that saves NumPy's state between the two numbers of a pair, draws the
    second one in a later turn, and restores the state in a third, draws another number than alone:
    to notice this, the whole state would have to be read at each turn.

    A fit begins with the state that the process has when this is made.
    """

    def __init__(self) -> None:
        self._numpy: Any = np.random.MT19937()
        self._numpy.state = global_generator().state
        self._memory = memory_of(self._numpy)
        self._with_half_a_pair: Any = None  # NumPy's whole state, if a second number is left
        self._python, self._torch = random.getstate(), torch.get_rng_state()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Continue in this block with this fit's generators, then restore the others."""
        with ONE_AT_A_TIME:
            others = random.getstate(), torch.get_rng_state(), global_generator()
            random.setstate(self._python)
            torch.set_rng_state(self._torch)
            replace_global(self._numpy)
            if self._with_half_a_pair is not None:
                np.random.set_state(self._with_half_a_pair)
            try:
                yield
            finally:
                self._python, self._torch = random.getstate(), torch.get_rng_state()
                self._keep_numpy()
                random.setstate(others[0])
                torch.set_rng_state(others[1])
                replace_global(others[2])

    def _keep_numpy(self) -> None:
        """Keep NumPy's generator, and the second number of a pair if one is left."""
        generator: Any = global_generator()  # not ours if the fit has replaced it
        memory = memory_of(generator)
        # The second number is drawn without a change of the memory.
        if memory is None or memory != self._memory or self._with_half_a_pair is not None:
            state = np.random.get_state(legacy=False)
            self._with_half_a_pair = state if state["has_gauss"] else None
        self._numpy, self._memory = generator, memory
