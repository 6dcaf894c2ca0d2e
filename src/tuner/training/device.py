"""Makes a GPU compute reproducibly, and in the precision of the plan."""

from __future__ import annotations

import os
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.training.plan import Plan

# cuBLAS needs this to compute the same sums each time, and reads it when it starts (NVIDIA, "cuBLAS
# Library", section "Results Reproducibility"): eight buffers of 4 MiB.
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
REPEATABLE = ":4096:8"
ALERT = re.compile(r"^(\S+) does not have a deterministic implementation")
CARD = "cuda"


@contextmanager
def computing(plan: Plan) -> Iterator[None]:
    """Make a GPU compute as the plan says within this block; on a processor change nothing.

    Deterministic algorithms are used if they exist. An operation without one still runs, and
    PyTorch warns: `without_repeats` collects these. Float32 products are rounded to TF32 only if
    the plan is for bfloat16, which rounds more.
    """
    if plan.device != CARD:
        yield
        return
    os.environ.setdefault(WORKSPACE, REPEATABLE)
    rounded = plan.precision == "bfloat16"
    filling: Any = torch.utils.deterministic
    products, convolutions = _precision_of_products(), _rounds_convolutions()
    chosen = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = filling.fill_uninitialized_memory
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        filling.fill_uninitialized_memory = False  # it would start a kernel for each tensor
        _round("high" if rounded else "highest", convolutions=rounded)
        yield
    finally:
        torch.use_deterministic_algorithms(chosen, warn_only=only_warned)
        filling.fill_uninitialized_memory = filled
        _round(products, convolutions=convolutions)


# PyTorch has two sets of switches for TF32. The older one, used here, sets both, and
# `torch.compile` can read it. But it cannot be read after the newer one alone was set, and some
# versions of PyTorch warn about it.
def _round(products: str, *, convolutions: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


def _precision_of_products() -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.get_float32_matmul_precision()
    except RuntimeError:
        settings: Any = torch.backends  # torch annotates only a part of them
        return "high" if settings.cuda.matmul.fp32_precision == "tf32" else "highest"


def _rounds_convolutions() -> bool:
    settings: Any = torch.backends
    return bool(settings.cudnn.conv.fp32_precision == "tf32")


@contextmanager
def without_repeats() -> Iterator[list[str]]:
    """Yield a list that has, after this block, the operations without a deterministic algorithm.

    Other warnings are shown as usual.
    """
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=ALERT.pattern)
        yield found
    for warning in caught:
        if alert := ALERT.match(str(warning.message)):
            found.append(alert[1])
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    found[:] = sorted(set(found))


def quieten_alerts() -> None:
    """Silence a worker's warnings of operations that were already reported at the study's start."""
    warnings.filterwarnings("ignore", message=ALERT.pattern)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a GPU or the machine ran out of memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error)
    signs = ("DefaultCPUAllocator", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(sign in said for sign in signs)
