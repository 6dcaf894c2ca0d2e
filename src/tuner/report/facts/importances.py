"""Importance of the hyperparameters, and which of them exceed noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.trials.importance import EVIDENCE
from tuner.search.scoring import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

# Factor by which an importance must exceed noise to count as evidence. In simulated studies of 50
# trials, a factor of 1 named a hyperparameter without effect in 24 % of the studies (12
# hyperparameters, none matters), 17 % (3, none) and 28 % (12, 3 matter, drawn by TPE). A factor of
# 3 did so in 6, 0 and 7 %. Of the hyperparameters that matter, a factor of 1 named 60 % and a
# factor of 3 named 48 %.
TIMES_NOISE = 3


def importance_facts(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the importances, each with `evidence`: whether it clearly exceeds pure noise.

    There is evidence if two conditions hold. The hyperparameter was above the noise of the same
    resample in 95 % of the resamples. And its importance is three times the level that noise
    reaches in 97.5 % of them: the best of many hyperparameters easily exceeds a single column of
    noise. Plot and table both show this.
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
