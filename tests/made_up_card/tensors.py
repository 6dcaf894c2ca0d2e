"""Tensors that claim to be on a GPU, but store their numbers on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tests.made_up_card.card import MadeUpCard
    from tests.made_up_card.streams import Block

parsed_device: Any = torch._C._nn._parse_to


class CardTensor(Tensor):
    """A tensor of the fake GPU. PyTorch's engine sees a processor tensor, so it can compute.

    Attributes:
        held: its numbers.
        block: its memory.
    """

    card: MadeUpCard
    held: Tensor
    block: Block

    @staticmethod
    def made(card: MadeUpCard, held: Tensor, block: Block) -> CardTensor:
        made: CardTensor = Tensor._make_wrapper_subclass(
            CardTensor,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
        )
        made.card, made.held, made.block = card, held, block
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self.card.device

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy = self.detach().clone().requires_grad_(self.requires_grad)
        if isinstance(self, torch.nn.Parameter):
            copy._is_param = True
        memo[id(self)] = copy
        return copy

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")

    def tolist(self) -> Any:
        self.card.wait("numbers are read")
        return self.held.tolist()

    def cpu(self, *_: Any, **__: Any) -> Tensor:
        return self.to("cpu")

    def to(self, *args: Any, **named: Any) -> Tensor:
        if args and isinstance(args[0], Tensor):
            args = args[0].device, args[0].dtype
        device, dtype, _, memory_format = parsed_device(*args, **named)
        if device is not None and device.type == "meta":
            return Tensor.to(self.detach(), *args, **named)
        if device is not None and device.type == "cpu":
            self.card.wait("numbers are copied to the processor")
            return self.held.detach().clone().to(dtype or self.dtype)
        if dtype is None and memory_format is None:
            return self
        layout = {} if memory_format is None else {"memory_format": memory_format}
        return Tensor.to(self, dtype or self.dtype, **layout)

    @classmethod
    def __torch_dispatch__(cls, function: Any, *_: Any) -> Any:
        raise RuntimeError(f"{function}: on a card that is in use no more")
