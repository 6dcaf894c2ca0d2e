"""The training and validation rows of learners, on the device from the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

import torch

from tuner.data.scaling import Scaler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from tuner.data.dataset import Dataset
    from tuner.data.preparation import Preparation, Straightened
    from tuner.training.learner import Learner


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of several learners, one learner after the other in each tensor.

    Attributes:
        features: images (N, C, H, W) and raw rows unchanged, mapped if the data set is; or tables
            (K * N, F), scaled once, by each learner's own scaler.
        targets: (N,) classes, or (K * N, 1) numbers, scaled in the same way.
        scalers: of the targets, each learner's own.
        scaler: still to be applied to each batch of features.
        training: numbers of the training rows, as the networks take them.
        validation: numbers of the held-out rows; empty if nothing is held out.
    """

    features: Tensor
    targets: Tensor
    scaler: Scaler | Preparation
    scalers: tuple[Scaler | Straightened, ...]
    training: Tensor
    validation: Tensor

    @classmethod
    def load(
        cls,
        data: Dataset,
        learners: Sequence[Learner],
        device: torch.device,
        side_by_side: Callable[[Sequence[Tensor]], Tensor],
    ) -> Rows:
        """Scale the rows and put them on the device.

        Args:
            side_by_side: joins the row numbers of the learners as the networks take them.
        """
        rows, count = data.development, len(data.development)
        if data.pixels or data.raw:
            scaler: Scaler | Preparation = learners[0].features
            features = rows.features
        else:
            scaler = Scaler.identity()
            features = torch.cat([learner.features(rows.features) for learner in learners])
        if rows.targets.is_floating_point():
            targets = torch.cat([learner.targets(rows.targets) for learner in learners])
        else:
            targets = torch.cat([rows.targets] * len(learners))
        starts = [place * count for place in range(len(learners))]
        folds = [learner.fold for learner in learners]
        pairs = list(zip(folds, starts, strict=True))
        return cls(
            copied(features, device),
            targets.to(device),
            scaler.to(device),
            tuple(learner.targets.to(device) for learner in learners),
            side_by_side([fold.training + start for fold, start in pairs]).to(device),
            side_by_side([fold.validation + start for fold, start in pairs]).to(device),
        )

    def batches(self, order: Tensor, size: int) -> list[Tensor]:
        """Cut an order of the training rows (..., N) into batches (..., B) of row numbers.

        A last batch that is left with one row is left out: BatchNorm has no variance to divide by.
        """
        batches = list(self.training.gather(-1, order).split(size, dim=-1))
        if size > 1 and len(batches) > 1 and batches[-1].shape[-1] == 1:
            batches.pop()
        return batches


_last_copy: list[ReferenceType[Tensor]] = []  # the tensor that was copied last, and its copy


def copied(source: Tensor, device: torch.device) -> Tensor:
    """Copy rows to a device; learners with the same rows share one copy while any of them lives.

    For photos it matters that all folds and fits share one copy of the pixels on a GPU: 10,000 of
    224x224 are 1.5 GB. The copy is never written to.
    """
    known = [one() for one in _last_copy]
    if known and known[0] is source:
        copy = known[1]
        if copy is not None and copy.device.type == device.type:
            return copy
    made = source.to(device)
    if made.is_cuda:
        torch.cuda.current_stream().synchronize()  # other lanes do not wait for this one
    _last_copy[:] = [ref(source), ref(made)]
    return made
