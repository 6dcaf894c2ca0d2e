"""The result of the same search on shuffled targets, compared with the one on real targets."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def placebo_facts(
    stored: Mapping[str, Any] | None, arms: Mapping[str, FrozenTrial], sign: Literal[1, -1]
) -> dict[str, Any] | None:
    """Return the placebo's entry in report.json; None if there was none.

    Args:
        sign: 1 if a higher score is better, -1 if a lower one is.

    Returns:
        All in units of the metric:

        - `score`: of the best trial of the search on shuffled targets.
        - `fresh`: its mean score on `n` fresh folds.
        - `optimism`: how much better `score` is than `fresh`.
        - `chance`: the score of a constant prediction.
        - `gain`: of the best over the baseline, in the search on the real targets; None in the
          placebo's own report.
    """
    if not stored:
        return None
    known = [one for one in stored["fresh"] if one is not None]
    fresh = fmean(known) if known else None
    own = "study" in stored and {"baseline", "best"} <= arms.keys()
    return {
        "study": stored.get("study"),
        "trials": stored["trials"],
        "score": stored["score"],
        "fresh": fresh,
        "n": len(known),
        "chance": stored["chance"],
        "optimism": None if fresh is None else sign * (stored["score"] - fresh),
        "gain": sign * (arms["best"].values[0] - arms["baseline"].values[0]) if own else None,
    }
