"""Section "Is it really better?": all pairs of arms, compared on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.final.verdicts import PAIRS
from tuner.evidence.statistics.comparison import CONFIDENCE
from tuner.language import joined, phrase, said, translated
from tuner.report.recalling import recalled
from tuner.report.scored import metric_in
from tuner.report.sections.coverage import covered
from tuner.report.sections.figures import gain_interval
from tuner.report.sections.loop import has_test, is_of_loop, on_test
from tuner.report.sections.sureness import fewest_seeds, seeds_per_arm
from tuner.report.wording import (
    BLANK,
    SMALLEST_P,
    arm_word,
    as_clause,
    between,
    decimals_of_differences,
    number,
    p_value,
    per_cent,
    table,
    verdict_word,
    with_unit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

HEADING = said("## Is it really better?")


def better_section(facts: Facts) -> str:
    """Return the section: one row per pair, then an explanation of each column."""
    metric = metric_in(facts)
    pairs = {
        phrase("{arm} against {other}", arm=arm_word(arm), other=arm_word(other)): pair
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
        ends = [number(end, decimals) for end in interval or ()]
        judged = verdict_word(pair["verdict"])
        proven = pair["verdict"] != "no proven gain"
        rows.append(
            [
                name,
                f"**{judged}**" if proven else judged,
                with_unit(metric, number(metric.factor * pair["gain"], decimals)),
                with_unit(metric, between(*ends)) if ends else BLANK,
                per_cent(pair["probability_of_improvement"]),
                p_value(pair["p_value"]).removeprefix("p ").removeprefix("= "),
            ]
        )
    header = [
        "",
        phrase("verdict"),
        phrase("gain in {metric}", metric=on_test(facts, metric.title)),
        phrase("95 % interval"),
        phrase("improved"),
        "p",
    ]
    notes = _notes(facts, next(iter(pairs.values())))
    return f"{translated(HEADING)}\n\n{table(header, rows, left=2)}\n\n" + "\n".join(notes)


def _notes(facts: Facts, pair: Facts) -> list[str]:
    """Return the explanations of the columns."""
    by_row = bool(pair.get("rows"))
    proven = (
        phrase("the interval excludes zero")
        if by_row or _plan(facts) or is_of_loop(facts)
        else phrase("both the interval and p (0.05 or less) rule out chance")
    )
    seeds = seeds_per_arm(pair)
    notes = [
        phrase(
            "- *Gain*: the difference of the mean test scores, with {seeds}; above zero is better.",
            seeds=seeds,
        )
        if has_test(facts)
        else phrase(
            "- *Gain*: the difference of the mean scores, with {seeds}; above zero is better.",
            seeds=seeds,
        ),
        phrase(
            "- *95 % interval*: in 95 of 100 studies like this one, the true gain is in it. "
            "{covered}",
            covered=covered(facts, pair),
        ),
        phrase(
            "- *Improved*: the share of pairs of models, one of each arm, in which the first one "
            "did better; ties count half."
        ),
        joined(
            phrase("- *p*: how often chance alone would show a difference this large."),
            *_least_p(pair),
        ),
        phrase(
            "- A gain is called proven when {proven}. Fewer than {fewest} seeds prove nothing.",
            proven=proven,
            fewest=fewest_seeds(pair),
        ),
    ]
    notes += _on_looks(facts, pair)
    price = (facts["confirmation"] or {}).get("price") or {}
    if price.get("words"):
        notes.append(
            phrase(
                "- What was expected before the test was opened: {expected}",
                expected=as_clause(recalled(price["words"])),
            )
        )
    if not by_row:
        notes.append(_on_seeds_alone(facts))
    return notes


def _least_p(pair: Facts) -> list[str]:
    """Return the lowest possible p-value as a sentence, if that affects what is shown."""
    least = pair.get("least_p_value", 0.0)
    if least < SMALLEST_P:
        return []
    seeds = seeds_per_arm(pair)
    return [phrase("With {seeds} it is {least:.3f} or more.", seeds=seeds, least=least)]


def _on_looks(facts: Facts, pair: Facts) -> list[str]:
    """Return why the intervals are wider, if there is more than one look at the test rows."""
    if pair["confidence"] <= CONFIDENCE:
        return []
    planned = _plan(facts)
    reason = phrase("these test rows were used before")
    planned_too = planned and len(planned["models"]) > 1
    if (pair.get("looks") or 1) <= 1:
        reason = phrase("two looks at them were planned") if planned_too else ""
    elif planned_too:
        further = phrase("two looks at them were planned")
        reason = phrase("{reason} and {further}", reason=reason, further=further)
    return [
        phrase(
            "- {reasons}. To allow for that, each interval is computed at {confidence}, so "
            "that all looks together keep the 95 %.",
            reasons=reason.capitalize(),
            confidence=per_cent(pair["confidence"], 1),
        )
    ]


def _on_seeds_alone(facts: Facts) -> str:
    """Return what an interval covers without scores of single rows."""
    if is_of_loop(facts) and _plan(facts):
        return phrase(
            "- The interval covers the luck of training alone. The loop gave no scores of single "
            "rows."
        )
    if is_of_loop(facts):
        return phrase(
            "- The interval is Welch's, over seeds. The loop gave no scores of single rows."
        )
    if _plan(facts):
        return phrase("- The interval covers the luck of training alone.")
    return phrase(
        "- The interval is a bootstrap over seeds, somewhat too narrow with few of them. "
        "This study kept no predictions of single rows."
    )


def _plan(facts: Facts) -> Facts | None:
    """Return the planned looks at the test; None if none were planned."""
    plan: Facts | None = (facts["confirmation"] or {}).get("plan")
    return plan


def _nothing_compared(facts: Facts) -> str:
    pair = facts["comparison"]["best_vs_baseline"]
    if facts.get("shuffled"):
        told = phrase("No: on shuffled targets nothing is better than anything else.")
    elif pair and pair["same_trial"]:
        told = phrase("No: the best trial is the baseline itself.")
    elif not facts["arms"]:
        told = phrase("This is not known yet: no trial is complete.")
    elif "baseline" not in facts["arms"]:
        told = phrase(
            "This is not known yet: the baseline has no complete trial, so there is nothing to "
            "compare with."
        )
    else:
        told = phrase(
            "This is not known yet: no comparison on the test split has been made. Validation "
            "scores of a search are optimistic, because the best was chosen by them."
        )
    return f"{translated(HEADING)}\n\n{told}"
