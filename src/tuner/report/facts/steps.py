"""The measured ablation: the gain of each change between the baseline and the best."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from tuner.evidence.rounds.paired import compare_rounds, share_held_out
from tuner.evidence.statistics.comparison import CONFIDENCE, Direction, paired_gains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.case.metric import Metric

NOTHING = 0.1  # share of the whole gain: what changes may add at most if they can be dropped


def ablation_facts(
    stored: Mapping[str, Any] | None,
    arms: Mapping[str, FrozenTrial],
    metric: Metric,
    sizes: Mapping[str, int],
) -> dict[str, Any] | None:
    """Return the ablation's entry in report.json; None if there is none for these arms.

    Gains are in units of the metric, positive for an improvement, on the validation rows of fresh
    folds.

    - `gain` of a change on the path is over the changes before it, and `total` over the baseline.
    - `without` is the loss of the best when the change is left out.
    - `worth` is the mean of gain and loss. The gain depends on the changes before it, the loss on
      all others; the mean favours neither.
    - `left` is the gain of all changes over those up to this step, or over the smallest sufficient
      set.

    Intervals cover new trainings and new folds of the development rows, which share most of their
    training rows. They do not cover new test rows.

    Args:
        sizes: number of rows of a fold: `training` and `validation`.
    """
    if not stored or not {"baseline", "best"} <= arms.keys():
        return None
    if (stored["baseline"], stored["best"]) != (arms["baseline"].number, arms["best"].number):
        return None
    held_out = share_held_out(sizes)
    direction = metric.direction
    scores: list[list[float | None]] = stored["path_scores"]
    whole, first = stored["whole"], scores[0] if scores else []
    without = {
        name: _gain(scores_without, whole, direction, held_out)
        for name, scores_without in stored["without"].items()
    }
    path = [
        {
            "change": name,
            **stored["changes"][name],
            **(step := _gain(before, after, direction, held_out)),
            "total": _gain(first, after, direction, held_out)["gain"],
            "left": _gain(after, whole, direction, held_out),
            "worth": _worth(step["gain"], without.get(name, {}).get("gain")),
        }
        for name, before, after in zip(stored["path"], scores, scores[1:], strict=False)
    ]
    rest = stored.get("rest") or []  # an older ablation has none: its path went to the end
    smallest = stored["smallest"] and {
        "changes": stored["smallest"],
        **_gain(first, stored["smallest_scores"], direction, held_out),
        "left": _gain(stored["smallest_scores"], whole, direction, held_out),
    }
    return {
        **{name: stored[name] for name in ("rounds", "complete", "changes", "subsets_measured")},
        "baseline_loss": _loss(first, metric),
        "path": path,
        "rest": {"changes": rest, **_gain(scores[-1], whole, direction, held_out)}
        if rest and scores
        else None,
        "at_once": stored.get("at_once"),
        "without": without,
        "whole": _gain(first, whole, direction, held_out),
        "smallest": smallest,
    }


def can_be_told(found: Mapping[str, Any]) -> bool:
    """Whether the folds can distinguish the gain of all changes together from zero.

    If they cannot, they cannot show the gain of a single change either. In half of the studies in
    which no change has an effect, some change would look best and seem to bring most of the gain.

    Args:
        found: from `ablation_facts`.
    """
    interval = found["whole"].get("interval")  # None with one fold, or equal gains
    return interval is None or interval[0] > 0


def what_others_add(found: Mapping[str, Any]) -> Literal["something", "nothing", "unknown"]:
    """Return what the other changes are proven to add to the smallest change worth making.

    The uncertainty of the gain of all changes is another one: if the baseline varies most, the
    folds can tell a twentieth of a gain that is known only to a quarter.

    Args:
        found: from `ablation_facts`, with a smallest change.
    """
    left, whole = found["smallest"].get("left"), found["whole"]["gain"]
    # One fold, or the same on all of them; or the report of an earlier version is told again.
    if left is None or left["interval"] is None:
        return "unknown"
    low, high = left["interval"]
    if low > 0:
        return "something"
    return "nothing" if whole is not None and high <= NOTHING * whole else "unknown"


def _worth(gain: float | None, lost: float | None) -> float | None:
    return None if gain is None or lost is None else (gain + lost) / 2


def _gain(
    before: Sequence[float | None],
    after: Sequence[float | None],
    direction: Direction,
    held_out: float,
) -> dict[str, Any]:
    gains = paired_gains(before, after, direction)
    if not gains:
        return {"gain": None, "interval": None, "confidence": CONFIDENCE, "n": 0}
    one = compare_rounds(gains, held_out)
    return {"gain": one.gain, "interval": one.interval, "confidence": CONFIDENCE, "n": one.n}


def _loss(scores: Sequence[float | None], metric: Metric) -> float | None:
    """Return the mean score, converted so that lower is better: the error for an accuracy."""
    known = [score for score in scores if score is not None]
    return metric.loss(fmean(known)) if known else None
