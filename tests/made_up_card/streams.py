"""Streams that know what they have waited for, and memory that knows who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.made_up_card.card import MadeUpCard

    Clock = dict[object, int]  # how far each stream was


def join(into: Clock, other: Clock) -> None:
    """Have one that waits for another know what that knows."""
    for stream, tick in other.items():
        into[stream] = max(tick, into.get(stream, 0))


class Stream:
    """In the place of torch.cuda.Stream."""

    def __init__(self, card: MadeUpCard) -> None:
        self.card = card
        self.clock: Clock = {self: 0}
        card.timeline.streams.append(self)

    def wait_stream(self, other: Stream) -> None:
        join(self.clock, other.clock)

    def is_capturing(self) -> bool:
        return self.card.graph is not None

    def record_event(self) -> Event:
        return Event(self)

    def synchronize(self) -> None:
        self.card.wait("a stream is waited for", self)


class Event:
    """In the place of torch.cuda.Event: it has always happened when somebody asks."""

    def __init__(self, stream: Stream) -> None:
        self.timeline, self.clock = stream.card.timeline, dict(stream.clock)

    def query(self) -> bool:
        join(self.timeline.host, self.clock)
        return True


class Block:
    """Memory of a card, as long as a tensor is in it."""

    def __init__(self, timeline: Timeline, stream: Stream, *, in_graph: bool) -> None:
        self.timeline, self.stream, self.in_graph = timeline, stream, in_graph
        self.written: tuple[Stream, int] | None = None
        self.used: Clock = {}

    def __del__(self) -> None:
        if not self.in_graph:  # which keeps it
            self.timeline.freed.append((self.stream, self.used))


class Timeline:
    """What happens before what: each stream knows what it, and what it waited for, has done.

    Args:
        tell: of two streams that use a memory, and do not wait for each other.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self.streams: list[Stream] = []
        self.host: Clock = {}  # what the processor has waited for
        self.freed: list[tuple[Stream, Clock]] = []

    def allocated(self, stream: Stream) -> None:
        """Memory that a stream has freed is what it gets: nobody else may still be using it."""
        for owner, used in self.freed:
            if owner is stream and not self._seen(stream, used):
                self.tell("memory is used again while another stream uses it")
        self.freed = [one for one in self.freed if one[0] is not stream]

    def run(self, stream: Stream, reads: Iterable[Block], writes: Iterable[Block]) -> None:
        """Note a kernel."""
        stream.clock[stream] += 1
        now = stream.clock[stream]
        for block in reads:
            if block.written and not self._seen(stream, dict([block.written])):
                self.tell("memory is read before another stream has written")
            block.used[stream] = now
        for block in writes:
            if not self._seen(stream, block.used):
                self.tell("memory is written before another stream has done with it")
            block.written, block.used[stream] = (stream, now), now

    def waited(self, stream: Stream) -> None:
        """The processor has waited for a stream, and all that it asks for next comes after."""
        join(self.host, stream.clock)
        for one in self.streams:
            join(one.clock, self.host)

    def _seen(self, stream: Stream, used: Clock) -> bool:
        return all(
            max(stream.clock.get(one, 0), self.host.get(one, 0)) >= used[one] for one in used
        )
