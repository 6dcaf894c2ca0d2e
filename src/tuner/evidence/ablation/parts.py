"""Test results of the baseline with some of the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.metric import metric_of
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.final.verdicts import OnTest
from tuner.evidence.rows.rowwise import Kept
from tuner.evidence.statistics.looks import Plan
from tuner.study.arms import arms_of
from tuner.study.schema import CONFIRMATION, PARTS, SEED_MATTERS
from tuner.study.store import facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna


def parts_of(study: optuna.Study) -> dict[str, Mapping[str, Any]]:
    """Return the stored parts for the present baseline and best, by name."""
    arms = {name: trial.number for name, trial in arms_of(study).items()}
    return {
        name: part
        for name, part in (study.user_attrs.get(PARTS) or {}).items()
        if all(arms.get(arm) == part[arm] for arm in ("baseline", "best"))
    }


def judge_part(study: optuna.Study, name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Compare a part with the baseline, and the best with the part, on the test rows.

    Returns:
        `over_baseline` and `best_over`, as `OnTest.compare` returns them; None if a comparison is
        impossible.
    """
    confirmation: Mapping[str, Any] = study.user_attrs.get(CONFIRMATION) or {}
    kept = Kept.of(study)
    scored = {"part": part["scores"], "baseline": part["baseline_scores"]}
    best = confirmation.get("arms", {}).get("best", {})
    if best.get("trial") == part["best"] and kept and kept.said(part["best"]):
        scored["best"] = best["scores"]
    test = OnTest(
        scored=scored,
        trials={"part": name, "baseline": part["baseline"], "best": part["best"]},
        metric=metric_of(facts_of(study)),
        looks=max(1, looks_at(study, part["rows"])),
        matters=study.user_attrs.get(SEED_MATTERS, "weights"),
        kept=kept,
        plan=Plan.read(part.get("plan")),
    )
    return {
        "over_baseline": test.compare("part", "baseline", further=False),
        "best_over": test.compare("best", "part", further=False),
    }
