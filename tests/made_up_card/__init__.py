"""A card made up on the processor: what a training does on a GPU, watched without one.

Its tensors say that they are on a GPU and hold their numbers on the processor, so a training on it
gives the numbers of one on the processor. What a GPU would refuse or wait for shows: tensors of two
devices in one operation, a number that is read, a copy to or from the card, a generator of another
device, something that no graph can record, and streams that do not wait for each other.

What it cannot show is speed, memory, rounding, and which kernels are deterministic.
"""

from tests.made_up_card.card import MadeUpCard

__all__ = ["MadeUpCard"]
