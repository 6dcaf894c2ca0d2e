"""The ensemble of an arm's models: its score, its gain, and whether to recommend it."""

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

SURE = 2  # an ensemble is recommended if its gain exceeds this many standard errors


def row_of_ensembles(facts: Facts, arms: Mapping[str, Facts]) -> list[list[str]]:
    """Return the table row with the scores of the ensembles; no row if no arm has one.

    Args:
        arms: facts of the arms, in the order of the columns.
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
    """Return what an ensemble is, and how much the ensemble of the best gains over its models."""
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
    """Return an arm's ensemble if it is clearly better on the test rows than its models.

    None if it would exceed the limits of the study on parameters or latency.
    """
    known: Facts | None = facts["arms"][arm].get("ensemble")
    if not known or known["gain"] is None or known["standard_error"] is None:
        return None
    if _breaks_limits(facts, arm, known["models"]):
        return None
    return known if known["gain"] > SURE * known["standard_error"] else None


def _breaks_limits(facts: Facts, arm: str, models: int) -> bool:
    """Whether this many models of an arm together exceed the limit on parameters or on latency."""
    limits = facts["limits"]
    if limits is None:
        return False
    measured = limits["arms"].get(arm, {})
    pairs = ((limits["limits"].get(name), measured.get(name)) for name in (PARAMETERS, LATENCY))
    return any(most is not None and one is not None and models * one > most for most, one in pairs)


def ensemble_in_words(facts: Facts, ensemble: Facts) -> str:
    """Return the score of an ensemble, its gain, and what it costs to use."""
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
    """Return a gain with its unit, and with its standard error over the rows if known."""
    metric, gain, error = metric_in(facts), ensemble["gain"], ensemble["standard_error"]
    if not error:
        return difference(metric, gain)
    decimals = max(decimals_for(metric.factor * error), int(metric.per_cent))
    pair = (number(metric.factor * one, decimals) for one in (gain, error))
    return with_unit(metric, " ± ".join(pair))
