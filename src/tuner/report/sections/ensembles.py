"""What the models of an arm come to as one, and what that is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import phrase
from tuner.report.scored import metric_in
from tuner.report.wording import (
    decimals_for,
    difference,
    mean_and_std,
    means_and_stds,
    number,
    title_in_words,
    with_unit,
)
from tuner.study.limits import LATENCY, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

SURE = 2  # standard errors of the gain over rows, at least, where an ensemble is recommended


def row_of_ensembles(facts: Facts, arms: Mapping[str, Facts]) -> list[list[str]]:
    """Return the row of the scores of the arms' ensembles; none where no arm has one.

    Args:
        arms: in the order of the columns.
    """
    known = [arm.get("ensemble") for arm in arms.values()]
    models = max((one["models"] for one in known if one), default=0)
    if not models:
        return []
    metric = metric_in(facts)
    what = phrase(
        "test {metric} (all {models} as an ensemble)",
        metric=title_in_words(metric.title),
        models=models,
    )
    return [[what, *means_and_stds(metric, [one and _summary(facts, one) for one in known])]]


def note_on_ensembles(facts: Facts) -> str:
    """Say what an ensemble is, and how much better that of the best is than its models."""
    best = facts["arms"].get("best", {}).get("ensemble")
    if not best or best["gain"] is None:
        return ""
    told = {"models": best["models"], "gain": _gain(facts, best)}
    if best["standard_error"] is None:
        return phrase(
            "- *Ensemble*: the mean of the predictions of the {models} models. For the best, it "
            "gains {gain} over the average of its models.",
            **told,
        )
    return phrase(
        "- *Ensemble*: the mean of the predictions of the {models} models. For the best, it "
        "gains {gain} over the average of its models (± the standard error over the test rows, "
        "which covers new rows, but only these models).",
        **told,
    )


def ensemble_to_use(facts: Facts, arm: str) -> Facts | None:
    """Return the ensemble of an arm, if it is surely better on the test rows than its models.

    None, too, where it would be larger or slower than a model of the study may be.
    """
    known: Facts | None = facts["arms"][arm].get("ensemble")
    if not known or known["gain"] is None or known["standard_error"] is None:
        return None
    if _breaks_limits(facts, arm, known["models"]):
        return None
    return known if known["gain"] > SURE * known["standard_error"] else None


def _breaks_limits(facts: Facts, arm: str, models: int) -> bool:
    """Whether so many models of an arm have more parameters, or take longer, than they may."""
    limits = facts["limits"]
    if limits is None:
        return False
    measured = limits["arms"].get(arm, {})
    pairs = ((limits["limits"].get(name), measured.get(name)) for name in (PARAMETERS, LATENCY))
    return any(most is not None and one is not None and models * one > most for most, one in pairs)


def ensemble_in_words(facts: Facts, ensemble: Facts) -> str:
    """Say what an ensemble comes to, and what it takes."""
    metric = metric_in(facts)
    return phrase(
        "As an ensemble (the mean of their predictions), the {models} tested models have a test "
        "{metric} of {score}. It gains {gain} over the average of its models, and takes {models} "
        "times as long to use. This trains and saves it:",
        models=ensemble["models"],
        metric=title_in_words(metric.title),
        score=mean_and_std(metric, _summary(facts, ensemble)),
        gain=_gain(facts, ensemble),
    )


def _summary(facts: Facts, ensemble: Facts) -> dict[str, Any]:
    return {"mean": ensemble["scores"][metric_in(facts).name], "std": None}


def _gain(facts: Facts, ensemble: Facts) -> str:
    """Write a gain with its standard error over the rows, where that is known."""
    metric, gain, error = metric_in(facts), ensemble["gain"], ensemble["standard_error"]
    if not error:
        return difference(metric, gain)
    decimals = max(decimals_for(metric.factor * error), int(metric.per_cent))
    pair = (number(metric.factor * one, decimals) for one in (gain, error))
    return with_unit(metric, " ± ".join(pair))
