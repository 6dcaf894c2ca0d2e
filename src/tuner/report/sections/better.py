"""Is it really better? Every pair of arms, compared on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.comparison import CONFIDENCE
from tuner.evidence.verdicts import PAIRS
from tuner.report.scored import metric_in
from tuner.report.sections.loop import is_of_loop, on_test
from tuner.report.sections.verdict import covered, fewest_seeds, gain_interval
from tuner.report.wording import (
    BLANK,
    as_clause,
    count,
    decimals_of_differences,
    number,
    per_cent,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

HEADING = "## Is it really better?"


def better_section(facts: Facts) -> str:
    """Return the section: a row a pair, then what each column says."""
    metric = metric_in(facts)
    pairs = {
        f"{arm} against {other}": pair
        for arm, other in PAIRS
        if (pair := facts["comparison"][f"{arm}_vs_{other}"]) and not pair["same_trial"]
    }
    if not pairs:
        return _nothing_compared(facts)
    spreads = [one["interval"][1] - one["interval"][0] for one in pairs.values() if one["interval"]]
    spreads = [spread / 2 for spread in spreads] or [one["gain"] for one in pairs.values()]
    decimals = min(decimals_of_differences(metric, *spreads), 5)
    rows = []
    for name, pair in pairs.items():
        interval = gain_interval(facts, pair)
        between = " to ".join(number(end, decimals) for end in interval) if interval else BLANK
        proven = pair["verdict"] != "no proven gain"
        rows.append(
            [
                name,
                f"**{pair['verdict']}**" if proven else pair["verdict"],
                number(metric.factor * pair["gain"], decimals) + metric.unit_of_difference,
                between + (metric.unit_of_difference if interval else ""),
                per_cent(pair["probability_of_improvement"]),
                f"{pair['p_value']:.3f}" if pair["p_value"] >= 0.001 else "< 0.001",
            ]
        )
    header = [
        "",
        "verdict",
        f"gain in {on_test(facts)}{metric.title}",
        "95 % interval",
        "improved",
        "p",
    ]
    notes = _notes(facts, next(iter(pairs.values())))
    return f"{HEADING}\n\n{table(header, rows, left=2)}\n\n" + "\n".join(notes)


def _notes(facts: Facts, pair: Facts) -> list[str]:
    """Say what each column says."""
    by_row = bool(pair.get("rows"))
    planned = (facts["confirmation"] or {}).get("plan")
    confidence = pair["confidence"]
    proven = (
        "the interval excludes zero"
        if by_row or planned or is_of_loop(facts)
        else "both the interval and p (0.05 or less) rule out chance"
    )
    notes = [
        f"- *Gain*: the difference of the mean {on_test(facts)}scores, with "
        f"{count(pair['n'], 'seed')} per arm; above zero is better.",
        f"- *95 % interval*: in 95 of 100 studies like this one, the true gain is in it. "
        f"{covered(facts, pair)}",
        "- *Improved*: the share of pairs of models, one of each arm, in which the first one did "
        "better; ties count half.",
        "- *p*: how often chance alone would show a difference this large.",
        f"- A gain is called proven when {proven}. Fewer than {fewest_seeds(pair)} seeds prove "
        "nothing.",
    ]
    if confidence > CONFIDENCE:
        reasons = ["these test rows were used before"] if (pair.get("looks") or 1) > 1 else []
        if planned and len(planned["models"]) > 1:
            reasons.append("two looks at them were planned")
        notes.append(
            f"- {' and '.join(reasons).capitalize()}. To allow for that, each interval is computed "
            f"at {per_cent(confidence, 1)}, so that all looks together keep the 95 %."
        )
    price = (facts["confirmation"] or {}).get("price") or {}
    if price.get("words"):
        notes.append(f"- What was expected before the test was opened: {as_clause(price['words'])}")
    if not by_row:
        notes.append(
            "- The interval is Welch's, over seeds. The loop gave no scores of single rows."
            if is_of_loop(facts)
            else "- The interval covers the luck of training alone."
            if planned
            else "- The interval is a bootstrap over seeds, somewhat too narrow with few of them. "
            "This study kept no predictions of single rows."
        )
    return notes


def _nothing_compared(facts: Facts) -> str:
    pair = facts["comparison"]["best_vs_baseline"]
    if pair and pair["same_trial"]:
        return f"{HEADING}\n\nNo: the best trial is the baseline itself."
    if not facts["arms"]:
        return f"{HEADING}\n\nThis is not known yet: no trial is complete."
    if "baseline" not in facts["arms"]:
        return (
            f"{HEADING}\n\nThis is not known yet: the baseline has no complete trial, so there "
            "is nothing to compare with."
        )
    return (
        f"{HEADING}\n\nThis is not known yet: no comparison on the test split has been made. "
        "Validation scores of a search are optimistic, because the best was chosen by them."
    )
