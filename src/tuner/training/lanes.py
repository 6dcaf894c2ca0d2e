"""Lanes: streams in which a trainer's work is queued, with their own random generators."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from tuner.seeds import Stream, derive
from tuner.training.device import CARD

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

EventT = TypeVar("EventT")
EndT = TypeVar("EndT")


class Lane:
    """A CUDA stream, with a generator that replaces the GPU's global one.

    The kernels of a small network leave most of a GPU idle. Those of several networks run at the
    same time if each has a stream of its own: five networks of mnist take only 2 times as long as
    one. Layers draw (dropout) from the lane's own generator, so their draws do not depend on other
    lanes.

    On a processor a lane changes nothing: work is done immediately, and layers draw from the global
    generator.

    Args:
        seed: of the lane's generator.
    """

    def __init__(self, device: str, seed: int) -> None:
        self.parallel = device == CARD
        if self.parallel:
            self._stream: Any = torch.cuda.Stream()
            self._noise = torch.Generator(device).manual_seed(derive(seed, Stream.NOISE))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Queue the work of this block in the lane, after all work that was queued before."""
        if not self.parallel:
            yield
            return
        everyones = torch.cuda.default_generators[torch.cuda.current_device()]
        before = everyones.graphsafe_get_state()
        self._stream.wait_stream(torch.cuda.current_stream())
        everyones.graphsafe_set_state(self._noise)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            everyones.graphsafe_set_state(before)

    def renew(self) -> None:
        """Restore the generator after a failed recording, so that draws continue as before.

        Call this within the lane.
        """
        self._noise.graphsafe_set_state(self._noise.clone_state())
        everyones = torch.cuda.default_generators[torch.cuda.current_device()]
        everyones.graphsafe_set_state(self._noise)

    def join(self) -> None:
        """Make the following work wait for all work in the lane."""
        if self.parallel:
            torch.cuda.current_stream().wait_stream(self._stream)

    def finish(self) -> None:
        """Wait until all work in the lane is done, after which its tensors may be freed."""
        if self.parallel:
            with suppress(torch.AcceleratorError):  # reported where it happened
                self._stream.synchronize()

    def mark(self) -> Any:
        """Return a CUDA event that occurs when all present work in the lane is done."""
        return self._stream.record_event()


@dataclass(frozen=True, slots=True)
class Turn:
    """A point at which a training on a GPU lets others use the processor.

    Attributes:
        marks: events of lanes that must occur before the training needs the processor again.
    """

    marks: Sequence[Any] = ()

    @property
    def is_over(self) -> bool:
        """Whether all of them have occurred."""
        return all(mark.query() for mark in self.marks)


def without_turns(running: Generator[EventT | Turn, None, EndT]) -> Generator[EventT, None, EndT]:
    """Run a training alone: its turns are skipped."""
    while True:
        try:
            event = next(running)
        except StopIteration as end:
            made: EndT = end.value
            return made
        if not isinstance(event, Turn):
            yield event
