"""Which hyperparameters mattered, and which of them more than noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.trials.importance import EVIDENCE
from tuner.search.scoring import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping


def importance_facts(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the importances with `evidence`: whether a hyperparameter has beaten pure noise.

    It has if it was above the noise of the same resample in 95 % of the resamples, and its
    importance is above the level of noise in 97.5 % of them. Picture and table both show this.
    """
    if not stored:
        return None
    parts = {name: _judged(stored.get(name)) for name in ("final", "early")}
    return {**stored, **parts, "share_needed": EVIDENCE, "rungs": STAGES}


def _judged(part: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not part:
        return None
    noise = part["shadow"]["interval"][1]
    judged = [
        {**one, "evidence": one["beats"] >= EVIDENCE and one["importance"] > noise}
        for one in part["hyperparameters"]
    ]
    return {**part, "hyperparameters": judged}
