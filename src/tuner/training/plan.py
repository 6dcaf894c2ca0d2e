"""How fits use the machine: chosen once, stored with the study, and reused to continue it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

import torch

from tuner.errors import UsageError
from tuner.training.device import CARD
from tuner.unpromised import by_torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tuner.case.metric import Task

Precision = Literal["float32", "bfloat16"]
# Small on a processor. A process that does not keep its memory, as workers do, returns memory of
# larger batches to the system after each call, so its speed depends on what it did before (10,000
# or 20,000 rows a second for mnist's baseline in batches of 500, always 20,000 in batches of 100).
EVALUATION_BATCH = {"cpu": 100, "cuda": 5000}
# For rows that are evaluated at once on a GPU: 111 photos of 224x224. What a network computes from
# a photo takes a hundred times its memory, and 5,000 of them would fill most GPUs.
NUMBERS_AT_ONCE = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where and in which precision a fit computes.

    Attributes:
        device: a torch device: "cpu" or "cuda".
        precision: of matrix products and convolutions; weights and optimizer stay float32.
        channels_last: memory format of image batches and convolutions.
        threads: of one fit.
        evaluation_batch: rows evaluated at once, at most.
    """

    device: str = "cpu"
    precision: Precision = "float32"
    channels_last: bool = False
    threads: int = 1
    evaluation_batch: int = 500

    def rows_at_once(self, row: Sequence[int]) -> int:
        """Return the number of rows to evaluate at once.

        >>> card = Plan(device="cuda", evaluation_batch=5000)
        >>> card.rows_at_once((1, 28, 28)), card.rows_at_once((3, 224, 224))
        (5000, 111)

        Args:
            row: shape of one row.
        """
        if self.device != CARD:
            return self.evaluation_batch
        return max(1, min(self.evaluation_batch, NUMBERS_AT_ONCE // max(1, math.prod(row))))

    @classmethod
    def for_machine(cls, *, images: bool) -> Self:
        """Choose for this machine, by rule: a study must not depend on measured times.

        One thread per fit: on models this small, a second one gains little and slows every other
        fit. bfloat16 only for convolutions, and only if the processor computes in
        it: otherwise it is emulated, and the small numbers of regression need float32.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(
            device=device,
            precision="bfloat16" if images and computes_in_bfloat16(device) else "float32",
            channels_last=images,
            evaluation_batch=EVALUATION_BATCH[device],
        )


def computes_in_bfloat16(device: str) -> bool:
    """Whether the processor of a torch device computes in bfloat16 instead of emulating it."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return by_torch.computes_in_bfloat16()


def common_plan(plans: Iterable[Plan]) -> Plan:
    """Return a plan that several machines share, from one plan each; only those with a GPU, if any.

    Float32 unless all of them compute in bfloat16: a fit must not depend on where it runs.
    """
    able = list(plans)
    able = [plan for plan in able if plan.device == "cuda"] or able
    alike = len({plan.precision for plan in able}) == 1
    return able[0] if alike else replace(able[0], precision="float32")


def precision_of(task: Task, *, images: bool, native: bool, asked: Precision | None) -> Precision:
    """Choose the precision of a new study's products and convolutions.

    Args:
        native: whether the processor computes in bfloat16.
        asked: the requested precision; None for none.

    Raises:
        UsageError: it does not suit this task, or this machine.
    """
    if not images:
        reason = "brings tables nothing: their folds are trained as one stack, in float32"
    elif task == "regression":
        reason = "would round the predictions of a regression to three digits"
    elif not native:
        reason = "would be emulated, because not every processor here computes in it"
    else:
        return asked or "bfloat16"
    if asked == "bfloat16":
        raise UsageError(f"--precision bfloat16 {reason}; leave it out, or ask for float32")
    return "float32"


def plan_for(task: Task, *, images: bool, asked: Precision | None = None) -> Plan:
    """Choose the plan of a new study on this machine.

    Raises:
        UsageError: the requested precision does not suit the task, or this machine.
    """
    plan = Plan.for_machine(images=images)
    native = computes_in_bfloat16(plan.device)
    return replace(plan, precision=precision_of(task, images=images, native=native, asked=asked))
