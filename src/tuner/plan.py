"""How fits use the machine. Chosen once, stored with the study, reused when it goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where and in which precision a fit computes.

    Attributes:
        device: a torch device: "cpu" or "cuda".
        precision: of matrix products and convolutions; weights and optimizer stay float32.
        channels_last: memory format of image batches and convolutions.
        threads: of one fit.
        evaluation_batch: rows evaluated at once.
    """

    device: str = "cpu"
    precision: Precision = "float32"
    channels_last: bool = False
    threads: int = 1
    evaluation_batch: int = 500

    @classmethod
    def for_machine(cls, *, images: bool) -> Self:
        """Choose for this machine by rule; `tuner.planning` measures what is best for a case.

        One thread a fit, because a second one gains little on models this small and every other
        fit loses by it. bfloat16 only for convolutions, and only where the processor computes in
        it: elsewhere it is emulated, and the small numbers of regression need float32.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(
            device=device,
            precision="bfloat16" if images and computes_in_bfloat16(device) else "float32",
            channels_last=images,
            evaluation_batch=5000 if device == "cuda" else 500,
        )


def computes_in_bfloat16(device: str) -> bool:
    """Whether the processor behind a torch device computes in bfloat16, rather than emulate it."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def common_plan(plans: Iterable[Plan]) -> Plan:
    """Return what several machines can all do, one plan each; those with a GPU, where one has it.

    Float32 unless all of them compute in bfloat16: a fit must not depend on where it runs.
    """
    able = list(plans)
    able = [plan for plan in able if plan.device == "cuda"] or able
    alike = len({plan.precision for plan in able}) == 1
    return able[0] if alike else replace(able[0], precision="float32")
