"""A fake GPU on the processor, to observe what a training does on a GPU without one.

Its tensors claim to be on a GPU but store their numbers on the processor, so a training on it gives
the same numbers as on the processor. It detects what a GPU would refuse or wait for: tensors of two
devices in one operation, a value that is read, a copy to or from the GPU, a generator of another
device, something that no graph can record, and streams that do not wait for each other.

It cannot show speed, memory, rounding, or which kernels are deterministic.
"""

from tests.made_up_card.card import MadeUpCard

__all__ = ["MadeUpCard"]
