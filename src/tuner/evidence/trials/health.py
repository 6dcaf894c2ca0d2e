"""Checks how well the search went, with advice for each problem."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

from tuner.case.assignments import is_number
from tuner.case.metric import LOOP, metric_of
from tuner.case.reference import door_of
from tuner.evidence.trials.signs import curve_of, read_signs
from tuner.evidence.trials.stopping import is_chance, recent
from tuner.language import nsaid, said
from tuner.study.limits import was_passed_over
from tuner.study.schema import HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optuna.trial import FrozenTrial

EDGE = 0.03  # share of a range, on its own scale, that counts as its edge
MOST_FAILED = 0.1  # share of the trials
MOST_PRUNED, FEWEST_PRUNED = 0.85, 0.1  # shares of the trials
MOST_REPEATED = 0.1  # share of the trials
FEWEST_TO_JUDGE = 20  # trials, before their course means anything
# Loeppky, Sacks and Welch 2009, "Choosing the Sample Size of a Computer Experiment": ten per
# dimension before a model of the whole space can be trusted.
TRIALS_A_DIMENSION = 10
TOP = 5


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: of the check, the same in every report.
        good: whether there is nothing to do.
        found: what was found, with its numbers.
        advice: what to do; empty if there is nothing to do.
    """

    name: str
    good: bool
    found: str
    advice: str = ""


def check_health(
    trials: Sequence[FrozenTrial], made: Mapping[str, Any], best: FrozenTrial | None
) -> list[Check]:
    """Check a search.

    Args:
        trials: all of them, in order.
        made: the settings that the study was made with.
        best: trial of the search; None if there is none yet, and then nothing is checked.
    """
    finished = [t for t in trials if t.state.is_finished() and not was_passed_over(t)]
    if best is None:
        return []
    return [
        *_edges(best, made),
        _failed(finished, made),
        _pruned(finished),
        _progress(finished, made),
        _duplicates(finished, made),
        _dimensions(finished, made),
        *_validation(finished, made, best),
    ]


def _edges(best: FrozenTrial, made: Mapping[str, Any]) -> list[Check]:
    """Check whether the best value is at the edge of a range that could be wider."""
    at_edge = list(_at_edge(best))
    if not at_edge:
        found = said("no value of the best trial is at the edge of its range")
        return [Check("edges", True, found)]
    values = ", ".join(at_edge)
    if _is_of_door(made):
        found = said(
            "the best trial has values at the edge of their range: {values}; these ranges are "
            "tuner's own, by the size of the data",
            values=values,
        )
        return [Check("edges", True, found)]
    return [
        Check(
            "edges",
            False,
            said("the best trial has values at the edge of their range: {values}", values=values),
            said(
                "the best value may lie outside; widen the range in {place} and start a new study "
                "with `--name`",
                place=_where(made),
            ),
        )
    ]


def _at_edge(best: FrozenTrial) -> Iterator[str]:
    """Yield the values of a trial that are at an edge of their range, and which edge."""
    for name, value in best.params.items():
        # The trial's own range, which may depend on its other hyperparameters.
        space = json.loads(distribution_to_json(best.distributions[name]))["attributes"]
        if "low" not in space or space["low"] == space["high"] or not is_number(value):
            continue
        scale = math.log if space.get("log") else float
        low, high = scale(space["low"]), scale(space["high"])
        place = (scale(value) - low) / (high - low)
        if place <= EDGE and not _ends_by_nature(space["low"], value):
            yield said(
                "{name} {value:.4g} (from {low:g})", name=name, value=value, low=space["low"]
            )
        elif place >= 1 - EDGE:
            yield said(
                "{name} {value:.4g} (up to {high:g})", name=name, value=value, high=space["high"]
            )


def _ends_by_nature(low: float, value: float) -> bool:
    """Whether values below a range make no sense: it begins at zero, or counts from one."""
    return low <= 0 or (low == 1 and isinstance(value, int))


def _failed(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> Check:
    failed = sum(trial.state == TrialState.FAIL for trial in finished)
    found = said("{failed} of {trials} trials failed", failed=failed, trials=len(finished))
    if failed <= MOST_FAILED * len(finished):
        return Check("failed", True, found)
    advice = (
        said("read the reasons below; in a new study `--fix` leaves out what fails")
        if _is_of_door(made)
        else said("read the reasons below, then fix the case or its search space")
    )
    return Check("failed", False, found, advice)


def _pruned(finished: Sequence[FrozenTrial]) -> Check:
    share = sum(trial.state == TrialState.PRUNED for trial in finished) / len(finished)
    found = said("{share:.0f} % of the trials were pruned (ended early)", share=100 * share)
    if share > MOST_PRUNED:
        return Check(
            "pruned",
            False,
            found,
            said("few trials were allowed to finish; check the early ones in the dashboard"),
        )
    if share < FEWEST_PRUNED and len(finished) >= FEWEST_TO_JUDGE:
        return Check(
            "pruned", False, found, said("trials report too late for pruning to save time")
        )
    return Check("pruned", True, found)


def _progress(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> Check:
    """Check whether the last third of the trials improved the score, and the last half enough."""
    sign = metric_of(made).sign
    complete = [
        (index, sign * trial.values[0])
        for index, trial in enumerate(finished)
        if trial.state == TrialState.COMPLETE
    ]
    best = max(complete, key=lambda one: one[1])[0]
    since = len(finished) - 1 - best
    if since < len(finished) / 3:
        found = said(
            "the best trial came late, {since} trials before the last of {trials}: more trials may "
            "help",
            since=since,
            trials=len(finished),
        )
        return Check("progress", True, found)
    if len(finished) < FEWEST_TO_JUDGE:
        found = said(
            "{trials} trials are too few to tell whether more would help", trials=len(finished)
        )
        return Check("progress", True, found)
    found = said(
        "the last {since} of {trials} trials found nothing better",
        since=since,
        trials=len(finished),
    )
    if not is_chance(recent(finished, made)):
        return Check("progress", True, found)
    advice = (
        said(
            "more trials of this search will probably not help; search again with another `--seed` "
            "and `--name`"
        )
        if _is_of_door(made)
        else said(
            "more trials of this search will probably not help; change the ranges in {place}, or "
            "search again with another `--seed` and `--name`",
            place=_where(made),
        )
    )
    return Check("progress", False, found, advice)


def _duplicates(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> Check:
    configurations = Counter(
        json.dumps(trial.user_attrs.get(HYPERPARAMETERS, trial.params), sort_keys=True)
        for trial in finished
    )
    double = sum(configurations.values()) - len(configurations)
    if double == 0:
        return Check("duplicates", True, said("every trial tried a different configuration"))
    found = said("{double} trials repeat the configuration of an earlier one", double=double)
    if double <= MOST_REPEATED * len(finished):
        return Check("duplicates", True, found)
    advice = (
        said("there is little left to try: stop, or fix less with `--fix` in a new study")
        if _is_of_door(made)
        else said("there is little left to try: stop, or widen the search space")
    )
    return Check("duplicates", False, found, advice)


def _dimensions(finished: Sequence[FrozenTrial], made: Mapping[str, Any]) -> Check:
    # The hyperparameters of a loop are known only once it asks for them.
    space = made["space"].keys() or {name for trial in finished for name in trial.params}
    free = len(space - made.get("fixed", {}).keys())
    useful = sum(trial.state != TrialState.FAIL for trial in finished)
    found = nsaid(
        "{useful} trials for {free} hyperparameter",
        "{useful} trials for {free} hyperparameters",
        free,
        useful=useful,
        free=free,
    )
    if useful >= TRIALS_A_DIMENSION * free:
        return Check("dimensions", True, found)
    return Check(
        "dimensions",
        False,
        said(
            "{found}: fewer than {fewest} trials for each", found=found, fewest=TRIALS_A_DIMENSION
        ),
        said(
            "trust an ablation (`tuner ablate`) more than the importances; run more trials, or use "
            "`--fix` for the hyperparameters that matter least"
        ),
    )


def _validation(
    finished: Sequence[FrozenTrial], made: Mapping[str, Any], best: FrozenTrial
) -> list[Check]:
    """Check whether the best trials differ by more than the noise of the validation rows."""
    curve = curve_of(best, made, of_score=True)
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    if curve is None or len(complete) < TOP:
        return []
    metric = curve.metric
    error = read_signs(curve).standard_error * curve.unit
    ranked = sorted((trial.values[0] for trial in complete), reverse=metric.sign > 0)
    spread = abs(ranked[0] - ranked[TOP - 1])

    def written(value: float) -> str:
        return f"{metric.factor * value:.2g}{metric.unit_of_difference}"

    found = said(
        "the {top} best trials differ by {spread}; a score on {rows:,} validation rows has a "
        "standard error of {error}",
        top=TOP,
        spread=written(spread),
        rows=curve.validation_rows,
        error=written(error),
    )
    if spread > 2 * error:
        return [Check("validation", True, found)]
    return [
        Check(
            "validation",
            False,
            found,
            said(
                "these differences may be luck; trust the scores on fresh folds, or validate on "
                "more rows"
            ),
        )
    ]


def _is_of_door(made: Mapping[str, Any]) -> bool:
    """Whether the ranges are tuner's own, for data without code: a user cannot change them."""
    return door_of(made.get("reference", "")) is not None


def _where(made: Mapping[str, Any]) -> str:
    """Return where the ranges of hyperparameters are defined."""
    return said("the loop") if made.get("task") == LOOP else said("the case's `suggest`")
