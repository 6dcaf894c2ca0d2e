"""Compares baseline, recipe and best, pair by pair, on the test rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.case.metric import LOOP, sign_of
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.rows.predictions import row_losses
from tuner.evidence.rows.rowwise import Kept, Rule, by_losses, by_row
from tuner.evidence.statistics.comparison import (
    FEWEST_TO_PROVE,
    Direction,
    compare,
    compare_alone,
)
from tuner.evidence.statistics.crossed import compare_models
from tuner.evidence.statistics.looks import WHOLE, Plan, Share
from tuner.study.schema import FACTS, SEED_MATTERS
from tuner.study.store import evidence_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.case.metric import Metric
    from tuner.evidence.statistics.comparison import Alone, Comparison

PAIRS = (("best", "baseline"), ("recipe", "baseline"), ("best", "recipe"))


def verdicts(
    study: optuna.Study,
    arms: Mapping[str, FrozenTrial],
    confirmation: Mapping[str, Any] | None,
    metric: Metric,
    *,
    further: bool = True,
) -> dict[str, dict[str, Any] | None]:
    """Compare the arms pair by pair on the test split.

    If the predictions for each row are stored, the interval covers new rows, new trainings, and as
    many looks at the test rows as there have been. Older studies stored one score per seed; their
    interval covers only new trainings, and `covers` says so. If the case fixes the seed of its
    weights, more trainings prove nothing, whatever the interval is.

    Args:
        metric: of the search.
        confirmation: with `scores` of each arm that is still the confirmed one, and `rows`.
        further: whether to compare the further metric of the task too, which takes seconds.

    Returns:
        The comparison of each pair; None if it could not be made.
    """
    known = (confirmation or {}).get("scores", {})
    if not known:
        return {f"{a}_vs_{b}": None for a, b in PAIRS}
    of_loop = study.user_attrs.get(FACTS, {}).get("task") == LOOP
    calls = evidence_of(study) if of_loop else None  # a case stores predictions for rows instead
    test = OnTest(
        scored=known,
        trials={name: trial.number for name, trial in arms.items()},
        metric=metric,
        looks=max(1, looks_at(study, (confirmation or {}).get("rows"))),
        matters=study.user_attrs.get(SEED_MATTERS, "weights"),
        kept=Kept.of(study),
        losses=calls.user_attrs if calls else {},
        of_loop=of_loop,
        plan=Plan.read((confirmation or {}).get("plan")),
    )
    return {f"{a}_vs_{b}": test.compare(a, b, further=further) for a, b in PAIRS}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTest:
    """The results of a study's arms on its test rows.

    Attributes:
        scored: scores of each arm, one per seed.
        trials: numbers of the trials of the arms, or names of parts.
        metric: of the search.
        looks: tests of the rows so far; a planned second look counts as one with its first.
        matters: what a training's seed changes, as in `SEED_MATTERS`.
        kept: what was stored about single rows; None if nothing was.
        losses: of a loop: the attributes with the losses of its test rows.
        of_loop: whether the study is of a loop.
        plan: of the looks; None for a study from before there were plans. Its arms are judged by
            Student's distribution only.
    """

    scored: Mapping[str, Sequence[Mapping[str, float]]]
    trials: Mapping[str, int | str]
    metric: Metric
    looks: int
    matters: str
    kept: Kept | None
    losses: Mapping[str, Any] = field(default_factory=dict)
    of_loop: bool = False
    plan: Plan | None = None

    @property
    def rule(self) -> Rule:
        """The rule by which single rows are judged."""
        share = self.plan.share(self.looks) if self.plan else Share(self.looks)
        return Rule(share, exact=self.plan is not None)

    def compare(
        self, arm: str, other: str, *, further: bool, outlook: bool = True
    ) -> dict[str, Any] | None:
        """Compare two arms; None if one was not scored, or a score is not a number.

        Args:
            further: as in `verdicts`.
            outlook: as in `by_row`.
        """
        if arm not in self.scored or other not in self.scored:
            return None
        scores = [[one[self.metric.name] for one in self.scored[name]] for name in (other, arm)]
        if not (scores[0] and all(map(math.isfinite, (*scores[0], *scores[1])))):
            return None
        kept, numbers = self.kept, (self.trials[other], self.trials[arm])
        losses = [row_losses(self.losses, number) for number in numbers]
        rowwise = kept and by_row(
            kept, numbers, self.metric, self.rule, further=further, outlook=outlook
        )
        if rowwise:
            pair = rowwise
        elif losses[0] is not None and losses[1] is not None:
            pair = by_losses(losses[0], losses[1], self.metric, self.rule, outlook=outlook)
        elif self.plan:
            pair = _by_model(scores, self.metric, self.rule)
        elif self.of_loop:
            pair = _alone(scores, self.metric.direction, self.rule.share)
        else:
            pair = _by_seed(scores, self.metric.direction)
        # If all models of an arm begin alike, they do not show the luck of training.
        fewest = self.plan.fewest if self.plan else FEWEST_TO_PROVE
        can_prove = self.matters == "weights" and pair["n"] >= fewest
        if not can_prove:
            pair = {**pair, "verdict": "no proven gain"}
        return {
            "metric": self.metric.name,
            **pair,
            "fewest": fewest,
            "can_prove": can_prove,
            "seed_matters": self.matters,
            "probability_of_improvement": _probability(scores, self.metric.direction),
            "same_trial": numbers[0] == numbers[1],
        }


def against_rivals(
    study: optuna.Study,
    arms: Mapping[str, FrozenTrial],
    confirmation: Mapping[str, Any] | None,
    metric: Metric,
) -> dict[str, dict[str, Any]]:
    """Compare each rival with the best on the test rows: "better" means that the rival is better.

    All rivals share the 5 % of a false claim. If the case fixes the seed of its weights, its models
    do not show the luck of training, and no rival is proven better.

    Args:
        confirmation: with its `rivals`, and the `scores` of each arm that is still the confirmed
            one.
    """
    found: dict[str, dict[str, Any]] = {}
    if not confirmation or not confirmation["rivals"] or "best" not in confirmation["scores"]:
        return found
    kept = Kept.of(study)
    if not kept:
        return found
    looks = max(1, looks_at(study, confirmation.get("rows")))
    rivals = confirmation["rivals"]
    share = Share(looks, 1 / len(rivals))  # rivals are tested in one look
    rule = Rule(share, exact=bool(confirmation.get("plan")))
    shows_luck = study.user_attrs.get(SEED_MATTERS, "weights") == "weights"
    for name in rivals:
        trials = arms["best"].number, name
        if pair := by_row(kept, trials, metric, rule, further=False):
            verdict = pair["verdict"] if shows_luck else "no proven gain"
            found[name] = {"metric": metric.name, **pair, "verdict": verdict}
    return found


def _by_seed(scores: Sequence[Sequence[float]], direction: Direction) -> dict[str, Any]:
    """Compare the scores of paired seeds, for a study that stored no rows."""
    return _of_seeds(compare(scores[0], scores[1], direction))


def _by_model(scores: Sequence[Sequence[float]], metric: Metric, rule: Rule) -> dict[str, Any]:
    """Compare scores of unpaired seeds, if the metric has no values for rows."""
    baseline, other = (metric.sign * np.array(one, np.float64) for one in scores)
    gain = compare_models(baseline, other, rule.share)
    return {
        "gain": gain.gain,
        "interval": gain.interval,
        "confidence": 1 - rule.share.alpha,
        "p_value": gain.p_value,
        "least_p_value": gain.least_p_value,
        "n": min(gain.seeds),
        "verdict": gain.verdict,
        "covers": "seeds",
    }


def _alone(scores: Sequence[Sequence[float]], direction: Direction, share: Share) -> dict[str, Any]:
    """Compare the scores of a loop without losses for rows, tested before there were plans."""
    return _of_seeds(compare_alone(scores[0], scores[1], direction, share), share)


def _of_seeds(one: Comparison | Alone, share: Share = WHOLE) -> dict[str, Any]:
    """Return the facts of a pair that was compared by one score per seed only."""
    return {
        "gain": one.gain,
        "interval": one.interval,
        "confidence": 1 - share.alpha,
        "p_value": one.p_value,
        "n": one.n,
        "verdict": one.verdict,
        "covers": "seeds",
    }


def _probability(scores: Sequence[Sequence[float]], direction: Direction) -> float:
    """Return the probability that a model of the arm beats one of the other; ties count half.

    It is the share of all pairs of seeds (Bouthillier et al. 2021, "Accounting for Variance in
    Machine Learning Benchmarks", section 4).
    """
    sign = sign_of(direction)
    pairs = [sign * (b - a) for a in scores[0] for b in scores[1]]
    return fmean(0.5 if one == 0 else float(one > 0) for one in pairs)
