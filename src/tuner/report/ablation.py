"""What each change bought: a section of report.md, and its facts."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tuner.evidence.comparison import CONFIDENCE, Direction, compare
from tuner.report.wording import BLANK, code, count, decimals_for, number, setting, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

HEADER = ["step", "change", "group", "gain", "95 % interval", "in all", "lost without it"]


def ablation_facts(
    stored: Mapping[str, Any] | None, arms: Mapping[str, FrozenTrial], direction: Direction
) -> dict[str, Any] | None:
    """Return the ablation's entry in report.json; None where there is none of these arms.

    Gains are in units of the metric, above zero an improvement, on the validation rows of fresh
    folds. `gain` of a change on the path is over the changes before it, `total` over the baseline;
    `without` is what the best loses when the change is left out.
    """
    if not stored or not {"baseline", "best"} <= arms.keys():
        return None
    if (stored["baseline"], stored["best"]) != (arms["baseline"].number, arms["best"].number):
        return None
    scores: list[list[float | None]] = stored["path_scores"]
    whole, first = stored["whole"], scores[0] if scores else []
    path = [
        {
            "change": name,
            **stored["changes"][name],
            **_gain(before, after, direction),
            "total": _gain(first, after, direction)["gain"],
        }
        for name, before, after in zip(stored["path"], scores, scores[1:], strict=False)
    ]
    smallest = stored["smallest"] and {
        "changes": stored["smallest"],
        **_gain(first, stored["smallest_scores"], direction),
    }
    return {
        **{name: stored[name] for name in ("rounds", "complete", "changes", "subsets_measured")},
        "baseline_loss": _loss(first, direction),
        "path": path,
        "without": {
            name: _gain(without, whole, direction) for name, without in stored["without"].items()
        },
        "whole": _gain(first, whole, direction),
        "smallest": smallest,
    }


def _gain(
    before: Sequence[float | None], after: Sequence[float | None], direction: Direction
) -> dict[str, Any]:
    pairs = [(a, b) for a, b in zip(before, after, strict=False) if a is not None and b is not None]
    if not pairs:
        return {"gain": None, "interval": None, "confidence": CONFIDENCE, "n": 0}
    one = compare([a for a, _ in pairs], [b for _, b in pairs], direction)
    return {"gain": one.gain, "interval": one.interval, "confidence": CONFIDENCE, "n": one.n}


def _loss(scores: Sequence[float | None], direction: Direction) -> float | None:
    """Return the mean score so that less is better: of an accuracy, the error."""
    known = [score for score in scores if score is not None]
    if not known:
        return None
    return 1 - fmean(known) if direction == "maximize" else fmean(known)


def ablation_section(facts: dict[str, Any], picture: str | None) -> str:
    """Return the section; empty without an ablation."""
    found = facts["ablation"]
    if found is None:
        return ""
    metric = facts["metric"]["name"]
    rows = [
        [
            str(step),
            _change(one),
            one["group"],
            _write(metric, one["gain"], found),
            _interval(metric, one["interval"], found),
            _write(metric, one["total"], found),
            _write(metric, found["without"].get(one["change"], {}).get("gain"), found),
        ]
        for step, one in enumerate(found["path"], start=1)
    ]
    parts = ["## Which change bought it?"]
    if picture:
        parts.append(f"![Gain by change, from the baseline to the best]({picture})")
    parts += [table(HEADER, rows, left=3), _explanation(metric, found["rounds"])] if rows else []
    if smallest := found["smallest"]:
        share = smallest["gain"] / found["whole"]["gain"]
        changes = ", ".join(code(name) for name in smallest["changes"])
        parts.append(
            f"**The smallest change worth making:** {changes}: {share:.0%} of the gain of all "
            f"{len(found['changes'])} changes." + _doubt(metric, found)
        )
        parts += _better_half_way(found)
    elif found["complete"]:
        parts.append("On these folds the best is no better than the baseline.")
    if not found["complete"]:
        so_far = "" if rows else ", before its first step"
        parts.append(f"It was ended by its budget{so_far}; the command below goes on.")
    return "\n\n".join(parts)


def _explanation(metric: str, rounds: int) -> str:
    unit = "points of accuracy" if metric == "accuracy" else metric.upper()
    return (
        f"In {unit} on {count(rounds, 'fresh fold')}, each with a seed of its own, the "
        "same for all. At each step every change that is left was tried, the worse half dropped "
        "after each fold, and the best taken; *lost without it* is what the best loses when only "
        "that change is left out. Intervals are too narrow where folds are few, and a step is the "
        "largest of several, so the first gains are somewhat flattered."
    )


def _doubt(metric: str, found: Mapping[str, Any]) -> str:
    """Say so where the folds cannot tell the twentieth of the gain that it may do without."""
    low, high = found["whole"]["interval"] or (-math.inf, math.inf)
    if high - low < found["whole"]["gain"] / 10:
        return ""
    return (
        f" The gain of all is {_interval(metric, found['whole']['interval'], found)} on these "
        "folds, so whether it needs the small ones among them they cannot tell; more `--seeds` can."
    )


def _better_half_way(found: Mapping[str, Any]) -> list[str]:
    """Say so where the path was better before its end: some changes do harm."""
    totals = [step["total"] if step["total"] is not None else -math.inf for step in found["path"]]
    top = max(range(len(totals)), key=totals.__getitem__)
    if totals[top] - totals[-1] <= 1e-6 * abs(totals[-1]):
        return []
    rest = ", ".join(code(step["change"]) for step in found["path"][top + 1 :])
    return [
        f"The first {top + 1} of them do better on these folds than all {len(totals)}: to look "
        f"further from there, search again without {rest} (`--fix`)."
    ]


def _change(one: Mapping[str, Any]) -> str:
    text = f"{code(one['change'])} {setting(one['was'])} → {setting(one['now'])}"
    follows = ", ".join(f"{code(name)} {setting(value)}" for name, value in one["follows"].items())
    return f"{text}, with {follows}" if follows else text


def _write(metric: str, gain: float | None, found: Mapping[str, Any]) -> str:
    if gain is None or not math.isfinite(gain):
        return BLANK
    factor = 100 if metric == "accuracy" else 1
    whole = factor * (found["whole"]["gain"] or gain)
    return number(factor * gain, decimals_for(whole, least=1) + 2 * (metric != "accuracy"))


def _interval(metric: str, interval: Sequence[float] | None, found: Mapping[str, Any]) -> str:
    if interval is None:
        return BLANK
    return " to ".join(_write(metric, end, found) for end in interval)
