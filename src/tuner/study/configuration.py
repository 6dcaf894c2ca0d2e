"""What a study is made of, as the command that makes or continues it knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

Order = Literal["work", "arrival"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """What a study is made of: the same config gives the same study.

    Attributes:
        reference: how the case was named: a name or a path.
        data_folder: the cached data set, for the workers.
        fixed: hyperparameters that the search does not vary.
        plan: how fits use the machine; of a stored study, as it was begun.
        order: in which points of trials that run at once are taken: by the "work" they have done,
            or on "arrival", which makes a study with several workers depend on their speed.
        sampler: what draws trials, in words; so does `pruner` for what ends them early.
    """

    case: Case
    reference: str
    dataset: Dataset
    data_folder: Path
    seed: int
    fixed: Mapping[str, Any]
    plan: Plan = field(default_factory=Plan)
    order: Order = "work"
    sampler: str = ""
    pruner: str = ""
