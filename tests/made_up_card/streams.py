"""Streams that record what they have waited for, and memory that records its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.made_up_card.card import MadeUpCard

    Clock = dict[object, int]  # progress of each stream


def join(into: Clock, other: Clock) -> None:
    """Add the progress that `other` knows to the one that waits for it."""
    for stream, tick in other.items():
        into[stream] = max(tick, into.get(stream, 0))


class Stream:
    """Replaces torch.cuda.Stream."""

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
    """Replaces torch.cuda.Event; it has always happened when queried."""

    def __init__(self, stream: Stream) -> None:
        self.timeline, self.clock = stream.card.timeline, dict(stream.clock)

    def query(self) -> bool:
        join(self.timeline.host, self.clock)
        return True


class Block:
    """Memory of the fake GPU, as long as a tensor uses it."""

    def __init__(self, timeline: Timeline, stream: Stream, *, in_graph: bool) -> None:
        self.timeline, self.stream, self.in_graph = timeline, stream, in_graph
        self.written: tuple[Stream, int] | None = None
        self.used: Clock = {}

    def __del__(self) -> None:
        if not self.in_graph:  # a graph keeps it
            self.timeline.freed.append((self.stream, self.used))


class Timeline:
    """The order of events: each stream knows its own work and that of streams it waited for.

    Args:
        tell: is called with a message on two streams that use the same memory without waiting.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self.streams: list[Stream] = []
        self.host: Clock = {}  # progress that the processor has waited for
        self.freed: list[tuple[Stream, Clock]] = []

    def allocated(self, stream: Stream) -> None:
        """Reuse memory that this stream has freed; report it if another stream still uses it."""
        for owner, used in self.freed:
            if owner is stream and not self._seen(stream, used):
                self.tell("memory is used again while another stream uses it")
        self.freed = [one for one in self.freed if one[0] is not stream]

    def run(self, stream: Stream, reads: Iterable[Block], writes: Iterable[Block]) -> None:
        """Record a kernel."""
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
        """Record that the processor has waited for a stream: all its later requests come after."""
        join(self.host, stream.clock)
        for one in self.streams:
            join(one.clock, self.host)

    def _seen(self, stream: Stream, used: Clock) -> bool:
        return all(
            max(stream.clock.get(one, 0), self.host.get(one, 0)) >= used[one] for one in used
        )
