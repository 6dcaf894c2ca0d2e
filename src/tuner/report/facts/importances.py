"""Which hyperparameters mattered, and which of them more than noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.trials.importance import EVIDENCE
from tuner.search.scoring import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

# How far an importance must exceed noise to count as evidence. Simulated studies of 50 trials named
# a hyperparameter that does nothing in 24 % (12 hyperparameters, none matters), 17 % (3, none) and
# 28 % (12, 3 matter, drawn by TPE) with a factor of 1, and in 6, 0 and 7 % with 3. Of those that
# matter, 60 % were named with a factor of 1, and 48 % with 3.
TIMES_NOISE = 3


def importance_facts(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the importances with `evidence`: whether a hyperparameter has beaten pure noise.

    It has if it was above the noise of the same resample in 95 % of the resamples, and its
    importance is three times the level that noise reaches in 97.5 % of them: the best of many
    hyperparameters easily exceeds a single column of noise. Picture and table both show this.
    """
    if not stored:
        return None
    parts = {name: _judged(stored.get(name)) for name in ("final", "early")}
    return {
        **stored,
        **parts,
        "share_needed": EVIDENCE,
        "times_noise": TIMES_NOISE,
        "rungs": STAGES,
    }


def _judged(part: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not part:
        return None
    noise = part["shadow"]["interval"][1]
    judged = [
        {**one, "evidence": one["beats"] >= EVIDENCE and one["importance"] > TIMES_NOISE * noise}
        for one in part["hyperparameters"]
    ]
    return {**part, "hyperparameters": judged}
