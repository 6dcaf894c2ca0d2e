"""Baseline, recipe and best, pair by pair, on the test rows: what holds for new data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import optuna
from optuna.trial import TrialState

from tuner.case.metric import LOOP, MACRO_F1, MSE, sign_of
from tuner.evidence.certainty import after, in_words
from tuner.evidence.comparison import CONFIDENCE, Direction, compare, compare_alone
from tuner.evidence.crossed import compare_rows, judge, unproven
from tuner.evidence.looks import alpha_for, is_used_up, most_looks
from tuner.evidence.moments import kept_moments, losses, moments
from tuner.evidence.odometer import looks_at
from tuner.evidence.predictions import (
    Predictions,
    kept_predictions,
    kept_scale,
    kept_targets,
    row_losses,
)
from tuner.evidence.resampling import compare_scores
from tuner.evidence.scores import macro_f1, unit_of_macro_f1
from tuner.study.schema import FACTS, SEED_MATTERS
from tuner.study.store import evidence_name
from tuner.unpromised.by_optuna import storage_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from optuna.trial import FrozenTrial

    from tuner.case.metric import Metric
    from tuner.evidence.crossed import Gain

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

    Where what the models said of each row is kept, the interval covers new rows and new trainings,
    and as many looks at the test rows as there have been. Studies of before kept one score a seed;
    their interval covers new trainings alone, and `covers` says so. Where the case fixes the seed
    of its weights, more trainings prove nothing, whatever the interval says.

    Args:
        metric: of the search.
        confirmation: its `scores` of each arm that is still what was confirmed, and its `rows`.
        further: whether the further metric of the task is compared too, which takes seconds.

    Returns:
        What there is to say of each pair; None where it was not compared.
    """
    known = (confirmation or {}).get("scores", {})
    if not known:
        return {f"{a}_vs_{b}": None for a, b in PAIRS}
    of_loop = study.user_attrs.get(FACTS, {}).get("task") == LOOP
    calls = _evidence_of(study) if of_loop else None  # a case keeps what models said of its rows
    test = OnTest(
        scored=known,
        trials={name: trial.number for name, trial in arms.items()},
        metric=metric,
        looks=max(1, looks_at(study, (confirmation or {}).get("rows"))),
        matters=study.user_attrs.get(SEED_MATTERS, "weights"),
        kept=Kept.of(study),
        losses=calls.user_attrs if calls else {},
        of_loop=of_loop,
    )
    return {f"{a}_vs_{b}": test.compare(a, b, further=further) for a, b in PAIRS}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTest:
    """What the arms of a study did on its test rows.

    Attributes:
        scored: scores of each arm, a seed each.
        trials: numbers of the trials of the arms, or names of parts.
        metric: of the search.
        looks: at the test rows, so far.
        matters: what a training's seed changes, as `SEED_MATTERS` has it.
        kept: what was kept of single rows; None: nothing.
        losses: of a loop: attributes that hold the losses of its test rows.
        of_loop: whether the study is of a loop.
    """

    scored: Mapping[str, Sequence[Mapping[str, float]]]
    trials: Mapping[str, int | str]
    metric: Metric
    looks: int
    matters: str
    kept: Kept | None
    losses: Mapping[str, Any] = field(default_factory=dict)
    of_loop: bool = False

    def compare(self, arm: str, other: str, *, further: bool) -> dict[str, Any] | None:
        """Compare two arms; None where one was not scored, or a score is not a number.

        Args:
            further: as for `verdicts`.
        """
        if arm not in self.scored or other not in self.scored:
            return None
        scores = [[one[self.metric.name] for one in self.scored[name]] for name in (other, arm)]
        if not (scores[0] and all(map(math.isfinite, (*scores[0], *scores[1])))):
            return None
        kept, numbers = self.kept, (self.trials[other], self.trials[arm])
        losses = [row_losses(self.losses, number) for number in numbers]
        by_row = kept and _by_row(kept, numbers, self.metric, self.looks, further=further)
        if by_row:
            pair = by_row
        elif losses[0] is not None and losses[1] is not None:
            pair = _by_losses(losses[0], losses[1], self.metric, self.looks)
        elif self.of_loop:
            pair = _alone(scores, self.metric.direction)
        else:
            pair = _by_seed(scores, self.metric.direction)
        if self.matters != "weights":  # all models of an arm begin alike: their luck is not seen
            pair = {**pair, "verdict": "no proven gain"}
        return {
            "metric": self.metric.name,
            **pair,
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
    """Compare each rival with the best on the test rows: "better" says that the rival is.

    Args:
        confirmation: with its `rivals`, and its `scores` of each arm that is still what was
            confirmed.
    """
    found: dict[str, dict[str, Any]] = {}
    if not confirmation or not confirmation["rivals"] or "best" not in confirmation["scores"]:
        return found
    kept = Kept.of(study)
    if not kept:
        return found
    looks = max(1, looks_at(study, confirmation.get("rows")))
    for name in confirmation["rivals"]:
        trials = arms["best"].number, name
        if pair := _by_row(kept, trials, metric, looks, further=False):
            found[name] = {"metric": metric.name, **pair}
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """What the study of the trainings after the search keeps, read once.

    Attributes:
        attributes: of that study.
        targets: of the test rows.
        seconds: that a training took, on the mean; None: not known.
    """

    attributes: Mapping[str, Any]
    targets: NDArray[np.generic]
    seconds: float | None

    @classmethod
    def of(cls, study: optuna.Study) -> Self | None:
        """Read it; None where no rows were kept."""
        evidence = _evidence_of(study)
        if evidence is None:
            return None
        attributes = evidence.user_attrs
        targets = kept_targets(attributes)
        if targets is None:
            return None
        trials = evidence.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        times = [trial.user_attrs["seconds"] for trial in trials if trial.user_attrs.get("seconds")]
        return cls(attributes, targets, fmean(times) if times else None)

    @classmethod
    def among(cls, attributes: Mapping[str, Any]) -> Self | None:
        """Take it from attributes that were read; None where no rows were kept."""
        targets = kept_targets(attributes)
        return None if targets is None else cls(attributes, targets, None)

    def said(self, trial: int | str) -> Predictions | None:
        """Return what models of a trial's configuration said."""
        return kept_predictions(self.attributes, trial, self.targets)


def _evidence_of(study: optuna.Study) -> optuna.Study | None:
    """Return the study of the trainings after the search, if there is one."""
    name = evidence_name(study.study_name)
    if name not in optuna.get_all_study_names(storage_of(study)):
        return None
    return optuna.load_study(study_name=name, storage=storage_of(study))


def _by_losses(
    baseline: NDArray[np.float64], other: NDArray[np.float64], metric: Metric, looks: int
) -> dict[str, Any]:
    """Compare row by row the losses (seeds, rows) that a loop has given itself."""
    gain = compare_rows(baseline, other, looks)
    able = after(gain)
    return {
        **_facts(gain),
        "covers": "rows",
        "most_looks": most_looks(gain.rows),
        "used_up": is_used_up(looks, gain.rows),
        "certainty": able and in_words(able, metric.write_difference),
        "also": {},
    }


def _by_row(
    kept: Kept, trials: tuple[int | str, int | str], metric: Metric, looks: int, *, further: bool
) -> dict[str, Any] | None:
    """Compare row by row: the metric of the search, and the further one of the task.

    Args:
        trials: number of the baseline's trial, or name of a part, and of the other arm's.

    Returns:
        None where too little was kept of what the models said.
    """
    baseline, other = (kept.said(trial) for trial in trials)
    if baseline is None or other is None:
        return None
    gain = _gain(kept, (trials[0], baseline), (trials[1], other), metric, looks)
    if gain is None:
        return None
    able = after(gain, seconds=kept.seconds)
    return {
        **_facts(gain),
        "covers": "rows",
        "most_looks": most_looks(gain.rows),
        "used_up": is_used_up(looks, gain.rows),
        "certainty": able and in_words(able, metric.write_difference),
        "smallest_gain": able and able.smallest,
        "rows_needed": able and able.rows_needed,
        "seeds_needed": able and able.seeds_needed,
        "hour": able and {"seeds": able.hour_seeds, "smallest_gain": able.hour_smallest},
        "also": _also(baseline, other, kept.targets, looks, but=metric) if further else {},
    }


def _gain(
    kept: Kept,
    baseline: tuple[int | str, Predictions],
    other: tuple[int | str, Predictions],
    metric: Metric,
    looks: int,
) -> Gain | None:
    """Compare by one metric; None where what it asks for was not kept."""
    said = baseline[1], other[1]
    seeds = len(said[0].seeds), len(said[1].seeds)
    if metric.rows is not None:
        a, b = (losses(metric, one, kept.targets) for one in said)
        return None if a is None or b is None else compare_rows(a, b, looks)
    if baseline[0] == other[0]:
        return unproven(0.0, len(kept.targets), seeds, looks)
    found = kept_moments(kept.attributes, metric, baseline, other) or moments(
        metric, *said, kept.targets, kept_scale(kept.attributes)
    )
    return None if found is None else judge(found, looks)


def _also(
    baseline: Predictions,
    other: Predictions,
    targets: NDArray[np.generic],
    looks: int,
    *,
    but: Metric,
) -> dict[str, Any]:
    """Compare by the further metric of the task, macro F1 or squared error, unless by it."""
    if np.issubdtype(targets.dtype, np.floating):
        squared = [losses(MSE, one, targets) for one in (baseline, other)]
        if but == MSE or squared[0] is None or squared[1] is None:
            return {}
        return {MSE.name: _facts(compare_rows(squared[0], squared[1], looks))}
    if but == MACRO_F1 or targets.ndim == 2:  # of labels the search's own metric is enough
        return {}
    truth = targets.astype(np.float64)
    unit = unit_of_macro_f1(truth)
    gain = compare_scores(macro_f1, baseline.values, other.values, truth, unit=unit, looks=looks)
    return {MACRO_F1.name: _facts(gain)}


def _facts(gain: Gain) -> dict[str, Any]:
    return {
        "gain": gain.gain,
        "interval": gain.interval,
        "confidence": 1 - alpha_for(gain.looks),
        "p_value": gain.p_value,
        "standard_error": gain.standard_error,
        "share_of_rows": gain.row_share,
        "share_of_seeds": gain.seed_share,
        "rows": gain.rows,
        "seeds": list(gain.seeds),
        "n": min(gain.seeds),
        "looks": gain.looks,
        "verdict": gain.verdict,
    }


def _by_seed(scores: Sequence[Sequence[float]], direction: Direction) -> dict[str, Any]:
    """Compare the scores of paired seeds, of a study that kept no rows."""
    one = compare(scores[0], scores[1], direction)
    return {
        "gain": one.gain,
        "interval": one.interval,
        "confidence": CONFIDENCE,
        "p_value": one.p_value,
        "n": one.n,
        "verdict": one.verdict,
        "covers": "seeds",
    }


def _alone(scores: Sequence[Sequence[float]], direction: Direction) -> dict[str, Any]:
    """Compare the scores of a loop that has no test rows."""
    one = compare_alone(scores[0], scores[1], direction)
    return {
        "gain": one.gain,
        "interval": one.interval,
        "confidence": CONFIDENCE,
        "p_value": one.p_value,
        "n": one.n,
        "verdict": one.verdict,
        "covers": "seeds",
    }


def _probability(scores: Sequence[Sequence[float]], direction: Direction) -> float:
    """Return how often a model of the arm is better than one of the other, ties by half.

    Over all pairs of seeds (Bouthillier et al. 2021, "Accounting for Variance in Machine Learning
    Benchmarks", section 4).
    """
    sign = sign_of(direction)
    pairs = [sign * (b - a) for a in scores[0] for b in scores[1]]
    return fmean(0.5 if one == 0 else float(one > 0) for one in pairs)
