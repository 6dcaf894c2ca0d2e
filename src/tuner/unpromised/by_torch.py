"""Private names of PyTorch: what a processor computes in, and what modules and libraries keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves as _tree_leaves

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "TENSORS",
    "carries_hooks",
    "computes_in_bfloat16",
    "forget_workspaces",
    "is_hooked",
    "leaves",
    "normalises_batches",
]

# What a module keeps its weights and statistics under, among its attributes as `vars` has them.
TENSORS = frozenset({"_parameters", "_buffers"})


def computes_in_bfloat16() -> bool:
    """Whether this machine's CPU computes in bfloat16. PyTorch says so in public for CUDA alone."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def forget_workspaces() -> None:
    """Give back the memory that cuBLAS keeps on a card for each stream; nothing may be running."""
    torch._C._cuda_clearCublasWorkspaces()


def normalises_batches(layer: nn.Module) -> bool:
    """Whether a layer is a batch normalisation of any dimension: their base class is private."""
    return isinstance(layer, _BatchNorm)


def leaves(tree: object) -> list[Any]:
    """Return what a nest of lists, tuples and dictionaries holds, as torch's own counter does."""
    return _tree_leaves(tree)


def is_hooked(layer: nn.Module) -> bool:
    """Whether a layer was given hooks, or a `forward` of its own, after it was made."""
    hooks = (
        layer._forward_hooks,
        layer._forward_pre_hooks,
        layer._backward_hooks,
        layer._backward_pre_hooks,
    )
    return any(hooks) or "forward" in vars(layer)


def carries_hooks(tensor: Tensor) -> bool:
    """Whether something is called when a tensor has its gradient: there is no public question."""
    return bool(tensor._backward_hooks or tensor._post_accumulate_grad_hooks)
