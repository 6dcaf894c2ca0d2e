"""The arms (baseline, recipe and best): their trials, confirmation and comparison."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from tuner.case.metric import metric_of, sign_of
from tuner.evidence.statistics.comparison import Direction, paired_gains
from tuner.study.design import rows_validated
from tuner.study.schema import BEST_EPOCH, FOLD_SCORES, HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.study.arms import Trained

AS_STORED = ("seeds", "candidates", "winner", "fewest", "most", "validation", "fixed")


def confirmation_of(
    stored: Mapping[str, Any] | None, arms: Mapping[str, Trained]
) -> dict[str, Any] | None:
    """Return the confirmation, with the scores of those arms that are still the confirmed trials.

    If a search continues after its confirmation, it can find another best. The stored scores then
    belong to a trial that is no longer the best, and `outdated` names that arm.
    """
    if not stored:
        return None
    confirmed = {name: arm["trial"] for name, arm in stored["arms"].items()}
    current = [name for name in arms if confirmed.get(name) == arms[name].number]
    return {
        **{name: stored[name] for name in AS_STORED},
        "trained_on": stored.get("trained_on"),  # None means all rows, as in older studies
        "rows": stored.get("rows"),
        "price": stored.get("price"),
        "plan": stored.get("plan"),
        "ranked_by": stored.get("ranked_by"),
        "rivals": stored.get("rivals", {}),
        "untrained_rivals": stored.get("untrained_rivals", {}),
        "scores": {name: stored["arms"][name]["scores"] for name in current},
        "ensembles": {name: stored["arms"][name].get("ensemble") for name in current},
        "diverged": _diverged({name: stored["arms"][name] for name in current}),
        "left_out": stored.get("left_out", 0),
        "untested": stored.get("untested", {}),
        "opposed": stored.get("opposed", False),
        "outdated": {
            name: number
            for name, number in confirmed.items()
            if name not in current and name in arms
        },
    }


def _diverged(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return how many trainings of each trial diverged, by arm; only one arm of each trial."""
    by_trial = {arm["trial"]: (name, arm.get("diverged", 0)) for name, arm in arms.items()}
    return dict(by_trial.values())


def race_facts(
    confirmation: Mapping[str, Any], trials: Sequence[FrozenTrial], made: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the race's entry in report.json: the results of all participants.

    `arm` is the name of a participant that is an arm. `behind` is how much worse it was than the
    winner, on the rounds of both. `with_search` says whether the folds of the search counted in the
    ranking, too. `ranked_by` names the score that ranked the candidates, if it was not the metric,
    and `rank` is its mean over the rounds. Trials that have been deleted since are left out.

    Args:
        made: the settings that the study was made with.
    """
    direction: Direction = made["direction"]
    known = {trial.number: trial for trial in trials}
    scores = confirmation["validation"]
    winner = scores[str(confirmation["winner"])]
    arms = {number: name for name, number in confirmation["fixed"].items()}
    ranks, surrogate = confirmation.get("ranked_by"), metric_of(made).surrogate
    candidates = [
        {
            "trial": number,
            "arm": arms.get(number),
            "search": _searched(known[number], made),
            "fresh": _fresh(confirmation, number),
            "rounds": len(scores[str(number)]),
            "behind": _behind(scores[str(number)], winner, direction),
            "rank": _mean_of_all(ranks[str(number)]) if ranks else None,
        }
        for number in dict.fromkeys((*confirmation["candidates"], *arms))
        if number in known
    ]
    kept = (
        *("seeds", "outdated", "winner", "fewest", "most", "trained_on", "price", "plan"),
        *("diverged", "left_out", "untested", "opposed"),
    )
    return {
        **{name: confirmation[name] for name in kept},
        "with_search": bool((made.get("race") or {}).get("with_search")),
        "ranked_by": surrogate.name if ranks and surrogate else None,
        "candidates": candidates,
    }


def _behind(
    scores: Sequence[float | None], winner: Sequence[float | None], direction: Direction
) -> float | None:
    gains = paired_gains(scores, winner, direction)
    return fmean(gains) if gains and None not in scores else None


def _mean_of_all(ranks: Sequence[float | None]) -> float | None:
    known = [one for one in ranks if one is not None]
    return fmean(known) if len(known) == len(ranks) else None


def _searched(trial: FrozenTrial, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a complete trial's scores in the search, over folds.

    `standard_error` is the uncertainty from the choice of the held-out rows, and `rows` is their
    number. It is None if the metric does not define it.
    """
    folds: list[float] = trial.user_attrs.get(FOLD_SCORES) or [trial.values[0]]
    metric, rows = metric_of(made), rows_validated(made, len(folds))
    level = trial.values[0]
    known = metric.rows is not None and rows > 0 and math.isfinite(level)
    return {
        **_summary(folds),
        "mean": level,
        "rows": rows,
        "standard_error": metric.standard_error(metric.loss(level), rows) if known else None,
    }


def _fresh(confirmation: Mapping[str, Any] | None, trial: int) -> dict[str, Any] | None:
    """Return the summary of a trial's scores on fresh folds; None if missing or diverged."""
    rounds: list[float | None] = (confirmation or {"validation": {}})["validation"].get(
        str(trial), []
    )
    known = [score for score in rounds if score is not None]
    return _summary(known) if known and len(known) == len(rounds) else None


def facts_of_arm(
    trial: FrozenTrial,
    name: str,
    confirmation: Mapping[str, Any] | None,
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """Return an arm's entry in report.json; `test` is empty if nothing was confirmed.

    `fresh` summarises the scores on the folds of the confirmation. `optimism` is how much better
    the score of the search is than their mean. `ensemble` is the score of the ensemble of the
    tested models; None if unknown.

    Args:
        name: of the arm.
        made: the settings that the study was made with.
    """
    facts = trial.user_attrs
    fresh = _fresh(confirmation, trial.number)
    sign = sign_of(made["direction"])
    scores: list[dict[str, float]] = (confirmation or {"scores": {}})["scores"].get(name, [])
    joint = (confirmation or {"ensembles": {}})["ensembles"].get(name)
    return {
        "trial": trial.number,
        "best_epoch": facts.get(BEST_EPOCH),
        "hyperparameters": facts.get(HYPERPARAMETERS, trial.params),
        "validation": _searched(trial, made),
        "fresh": fresh,
        "optimism": fresh and sign * (trial.values[0] - fresh["mean"]),
        "test": {metric: _summary([score[metric] for score in scores]) for metric in scores[0]}
        if scores
        else {},
        "ensemble": joint and {"models": len(scores), **joint},
    }


def rival_facts(
    confirmation: Mapping[str, Any] | None, compared: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the rivals' entry in report.json, by name; empty if there are none.

    Args:
        compared: the comparison of each rival with the best, by name.
    """
    return {
        name: {
            "title": one["title"],
            "setting": one["setting"],
            "seconds": one["seconds"],
            "validation": _summary(one["validation"]),
            "test": {
                metric: _summary([score[metric] for score in one["scores"]])
                for metric in one["scores"][0]
            },
            "against_best": compared.get(name),
        }
        for name, one in (confirmation or {}).get("rivals", {}).items()
    }


def _summary(values: Sequence[float]) -> dict[str, Any]:
    """Return mean and sample standard deviation.

    `std` is None for one value; both are None if a value is infinite.
    """
    finite = all(map(math.isfinite, values))
    return {
        "mean": fmean(values) if finite else None,
        "std": stdev(values) if finite and len(values) > 1 else None,
        "n": len(values),
        "values": list(values),
    }
