"""Lanes: where the work of a trainer is queued, and what its layers draw from."""

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
    """A stream of a card, and a generator in the place of the card's global one.

    The kernels of a small network leave most of a card idle. Those of several run at the same time,
    if each has a stream of its own: five networks of mnist take 2 times as long as one. What layers
    draw (dropout) comes from the lane's own generator, so it does not depend on the other lanes.

    On a processor a lane changes nothing: work is done when it is asked for, and layers draw from
    the global generator.

    Args:
        seed: of what is drawn in the lane.
    """

    def __init__(self, device: str, seed: int) -> None:
        self.parallel = device == CARD
        if self.parallel:
            self._stream: Any = torch.cuda.Stream()
            self._noise = torch.Generator(device).manual_seed(derive(seed, Stream.NOISE))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Queue what this block asks for in the lane, after all that was asked for before it."""
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
        """Go on drawing as before, after a recording that has failed has left the generator in it.

        To be called in the lane.
        """
        self._noise.graphsafe_set_state(self._noise.clone_state())
        everyones = torch.cuda.default_generators[torch.cuda.current_device()]
        everyones.graphsafe_set_state(self._noise)

    def join(self) -> None:
        """Have what is asked for next wait for all that was asked for in the lane."""
        if self.parallel:
            torch.cuda.current_stream().wait_stream(self._stream)

    def finish(self) -> None:
        """Wait until all is done that was asked for in the lane: what it uses may go then."""
        if self.parallel:
            with suppress(torch.AcceleratorError):  # which is told of where it happened
                self._stream.synchronize()

    def mark(self) -> Any:
        """Return an event of CUDA that happens when all is done that was asked for in the lane."""
        return self._stream.record_event()


@dataclass(frozen=True, slots=True)
class Turn:
    """A place where a training on a card lets others have the processor.

    Attributes:
        marks: of lanes: what has to happen before the training has use for the processor again.
    """

    marks: Sequence[Any] = ()

    @property
    def is_over(self) -> bool:
        """Whether all of it has happened."""
        return all(mark.query() for mark in self.marks)


def without_turns(running: Generator[EventT | Turn, None, EndT]) -> Generator[EventT, None, EndT]:
    """Run a training for whoever has no others: its turns are passed over."""
    while True:
        try:
            event = next(running)
        except StopIteration as end:
            made: EndT = end.value
            return made
        if not isinstance(event, Turn):
            yield event
