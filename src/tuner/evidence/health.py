"""How well the search went: checks of its trials, each with what to do about it."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

from tuner.case.metric import LOOP, metric_of
from tuner.evidence.signs import curve_of, read_signs
from tuner.study.limits import was_passed_over

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

EDGE = 0.03  # share of a range, on its own scale, that is its edge
MOST_FAILED = 0.1  # share of the trials
MOST_PRUNED, FEWEST_PRUNED = 0.85, 0.1  # shares of the trials
MOST_REPEATED = 0.1  # share of the trials
FEWEST_TO_JUDGE = 20  # trials, before their course says anything
# Loeppky, Sacks and Welch 2009, "Choosing the Sample Size of a Computer Experiment": ten a
# dimension before a model of the whole space can be trusted.
TRIALS_A_DIMENSION = 10
TOP = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: of the check, the same in every report.
        good: whether there is nothing to do.
        found: what was seen, with its numbers.
        advice: what to do; empty where there is nothing to do.
    """

    name: str
    good: bool
    found: str
    advice: str = ""


def check_health(
    trials: Sequence[FrozenTrial], made: Mapping[str, Any], best: FrozenTrial | None
) -> list[Check]:
    """Look at a search.

    Args:
        trials: all of them, in order.
        made: what the study was made with.
        best: trial of the search; None: there is none yet, and nothing is checked.
    """
    finished = [t for t in trials if t.state.is_finished() and not was_passed_over(t)]
    if best is None:
        return []
    return [
        *_edges(best, made),
        _failed(finished),
        _pruned(finished),
        _progress(finished, made),
        _duplicates(finished),
        _dimensions(finished, made),
        *_validation(finished, made, best),
    ]


def _edges(best: FrozenTrial, made: Mapping[str, Any]) -> list[Check]:
    """See whether the best value is at the edge of a range that could be wider."""
    at_edge = []
    for name, value in best.params.items():
        # Its own range: that may depend on what else was drawn.
        space = json.loads(distribution_to_json(best.distributions[name]))["attributes"]
        if "low" not in space or space["low"] == space["high"] or not _is_number(value):
            continue
        scale = math.log if space.get("log") else float
        low, high = scale(space["low"]), scale(space["high"])
        place = (scale(value) - low) / (high - low)
        if place <= EDGE and space["low"] > 0:  # zero is where it ends by nature
            at_edge.append(f"{name} {value:.4g} (from {space['low']:g})")
        elif place >= 1 - EDGE:
            at_edge.append(f"{name} {value:.4g} (up to {space['high']:g})")
    if not at_edge:
        return [Check("edges", True, "no value of the best trial is at the edge of its range")]
    return [
        Check(
            "edges",
            False,
            f"the best trial has values at the edge of their range: {', '.join(at_edge)}",
            f"the best value may lie outside; widen the range in {_where(made)} and start a new "
            "study with `--name`",
        )
    ]


def _failed(finished: Sequence[FrozenTrial]) -> Check:
    failed = sum(trial.state == TrialState.FAIL for trial in finished)
    found = f"{failed} of {len(finished)} trials failed"
    if failed <= MOST_FAILED * len(finished):
        return Check("failed", True, found)
    return Check(
        "failed", False, found, "read the reasons below, then fix the case or its search space"
    )


def _pruned(finished: Sequence[FrozenTrial]) -> Check:
    share = sum(trial.state == TrialState.PRUNED for trial in finished) / len(finished)
    found = f"{100 * share:.0f} % of the trials were pruned (ended early)"
    if share > MOST_PRUNED:
        return Check(
            "pruned",
            False,
            found,
            "few trials were allowed to finish; check the early ones in the dashboard",
        )
    if share < FEWEST_PRUNED and len(finished) >= FEWEST_TO_JUDGE:
        return Check("pruned", False, found, "trials report too late for pruning to save time")
    return Check("pruned", True, found)


def _progress(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> Check:
    """See whether the last third of the trials found anything better."""
    sign = metric_of(made).sign
    complete = [
        (index, sign * trial.values[0])
        for index, trial in enumerate(finished)
        if trial.state == TrialState.COMPLETE
    ]
    best = max(complete, key=lambda one: one[1])[0]
    since = len(finished) - 1 - best
    if since < len(finished) / 3:
        found = (
            f"the best trial came late, {since} trials before the last of {len(finished)}: more "
            "trials may help"
        )
        return Check("progress", True, found)
    if len(finished) < FEWEST_TO_JUDGE:
        return Check(
            "progress", True, f"{len(finished)} trials are too few to tell whether more would help"
        )
    return Check(
        "progress",
        False,
        f"the last {since} of {len(finished)} trials found nothing better",
        "more trials of this search will probably not help; change the ranges in "
        f"{_where(made)}, or search again with another `--seed` and `--name`",
    )


def _duplicates(finished: Sequence[FrozenTrial]) -> Check:
    configurations = Counter(
        json.dumps(trial.user_attrs.get("hyperparameters", trial.params), sort_keys=True)
        for trial in finished
    )
    double = sum(configurations.values()) - len(configurations)
    if double == 0:
        return Check("duplicates", True, "every trial tried a different configuration")
    found = f"{double} trials repeat the configuration of an earlier one"
    if double <= MOST_REPEATED * len(finished):
        return Check("duplicates", True, found)
    advice = "there is little left to try: stop, or widen the search space"
    return Check("duplicates", False, found, advice)


def _dimensions(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> Check:
    # A loop says what it asks for only by asking.
    space = made["space"].keys() or {name for trial in finished for name in trial.params}
    free = len(space - made.get("fixed", {}).keys())
    useful = sum(trial.state != TrialState.FAIL for trial in finished)
    found = f"{useful} trials for {free} hyperparameter{'' if free == 1 else 's'}"
    if useful >= TRIALS_A_DIMENSION * free:
        return Check("dimensions", True, found)
    return Check(
        "dimensions",
        False,
        f"{found}: fewer than {TRIALS_A_DIMENSION} trials for each",
        "trust an ablation (`tuner ablate`) more than the importances; run more trials, or "
        "use `--fix` for the hyperparameters that matter least",
    )


def _validation(
    finished: Sequence[FrozenTrial], made: Mapping[str, Any], best: FrozenTrial
) -> list[Check]:
    """See whether the best trials differ by more than the validation rows can tell."""
    curve = curve_of(best, made, of_score=True)
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    if curve is None or len(complete) < TOP:
        return []
    metric = curve.metric
    error = read_signs(curve).standard_error * curve.unit
    ranked = sorted((trial.values[0] for trial in complete), reverse=metric.sign > 0)
    spread = abs(ranked[0] - ranked[TOP - 1])
    factor, unit = metric.factor, metric.unit_of_difference
    found = (
        f"the {TOP} best trials differ by {factor * spread:.2g}{unit}; a score on "
        f"{curve.validation_rows:,} validation rows has a standard error of "
        f"{factor * error:.2g}{unit}"
    )
    if spread > 2 * error:
        return [Check("validation", True, found)]
    return [
        Check(
            "validation",
            False,
            found,
            "these differences may be luck; trust the scores on fresh folds, or validate on more "
            "rows",
        )
    ]


def _where(made: Mapping[str, Any]) -> str:
    """Say where the ranges of hyperparameters are written."""
    return "the loop" if made.get("task") == LOOP else "the case's `suggest`"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
