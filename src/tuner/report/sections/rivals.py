"""Section "Is a network the right model for this table?": rivals from scikit-learn beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import nphrase, phrase, said, translated
from tuner.report.known import RIVALS, known
from tuner.report.scored import metric_in
from tuner.report.wording import (
    BLANK,
    arm_word,
    between,
    decimals_of_differences,
    listed,
    means_and_stds,
    number,
    significant,
    table,
    title_in_words,
    verdict_word,
    with_unit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]

HEADING = said("## Is a network the right model for this table?")
JUDGED = {"worse": said("proven worse"), "no proven gain": said("no difference is proven")}
NAMES = {"linear model": said("linear model"), "gradient boosting": said("gradient boosting")}
OF_ONE = said(
    "- A rival from scikit-learn gets the same rows, and its setting is chosen on the same "
    "folds. Only a few settings were tried; the network was searched."
)
NOTES = (
    said(
        "- The linear model and gradient boosting are scikit-learn's. They get the same rows, "
        "and their settings are chosen on the same folds. Only a few settings were tried; the "
        "network was searched."
    ),
    said(
        "- All models were trained on all development rows and scored on the same test rows, the "
        "rivals at the first look."
    ),
    said(
        "- *Gain over the best network*: above zero, the rival is better. Intervals cover new "
        "trainings and new test rows, and hold for all rivals together."
    ),
)


def winners(facts: Facts) -> list[str]:
    """Return the names of the rivals that are proven better than the best network, best first."""
    metric, rivals = metric_in(facts), facts.get("rivals") or {}
    better = [name for name, one in rivals.items() if _verdict(one) == "better"]
    return sorted(better, key=lambda name: -metric.sign * rivals[name]["test"][metric.name]["mean"])


def rivals_verdict(facts: Facts) -> str:
    """Return how the rivals do on the same test rows, for the first screen; empty if none."""
    rivals, metric = facts.get("rivals") or {}, metric_in(facts)
    if not rivals or "best" not in facts["arms"] or not facts["arms"]["best"]["test"]:
        return ""
    models = [facts["arms"]["best"], *rivals.values()]
    own, *others = _levels(metric, models)
    titles = dict(zip(rivals, others, strict=True))
    if found := winners(facts):
        named = [
            phrase("{rival} ({score})", rival=_name(rivals[name]), score=titles[name])
            for name in found
        ]
        return nphrase(
            "**But {rivals} does better on the same test rows than the best network ({own}).** If "
            "the score is all that counts, use that.",
            "**But {rivals} do better on the same test rows than the best network ({own}).** If "
            "the score is all that counts, use that.",
            len(found),
            rivals=listed(named),
            own=own,
        )
    named = [
        phrase(
            "the {rival} {score} ({verdict})",
            rival=_name(one),
            score=titles[name],
            verdict=JUDGED.get(_verdict(one) or "", BLANK),
        )
        for name, one in rivals.items()
    ]
    return phrase(
        "On the same test rows, the best network has {own}, {rivals}.",
        own=own,
        rivals=listed(named),
    )


def _name(rival: Facts) -> str:
    title = str(rival["title"])
    return translated(NAMES.get(title, title))


def rivals_section(facts: Facts) -> str:
    """Return the section: network and rivals side by side; an empty string without rivals."""
    rivals, metric = facts.get("rivals") or {}, metric_in(facts)
    untrained = "\n".join(_untrained(facts))
    if not rivals:
        return f"{translated(HEADING)}\n\n{untrained}" if untrained else ""
    arms = {
        phrase("network, {arm}", arm=arm_word(name)): one
        for name, one in facts["arms"].items()
        if one["test"]
    }
    models = {**arms, **{_name(one): one for one in rivals.values()}}
    tests = means_and_stds(metric, [one["test"][metric.name] for one in models.values()])
    fresh = means_and_stds(metric, [one["validation"] for one in models.values()])
    units = _has_units(facts, metric)
    decimals = _decimals(metric, rivals)
    rows = [
        [
            name,
            known(one.get("setting") or "", RIVALS)
            or phrase("trial {number}", number=one.get("trial")),
            validation,
            test,
            *([_in_units(facts, metric, one)] if units else []),
            *_against_best(metric, one.get("against_best"), decimals),
        ]
        for (name, one), validation, test in zip(models.items(), fresh, tests, strict=True)
    ]
    title = title_in_words(metric.title)
    header = [
        phrase("model"),
        phrase("setting"),
        phrase("validation {metric}", metric=title),
        phrase("test {metric}", metric=title),
        *([phrase("test {metric}, own units", metric=title)] if units else []),
        phrase("gain over the best network"),
        phrase("95 % interval"),
        phrase("verdict"),
    ]
    notes = "\n".join(filter(None, (untrained, *map(translated, _notes(rivals)))))
    parts = (translated(HEADING), _answer(facts), table(header, rows, left=2), notes)
    return "\n\n".join(parts)


def _untrained(facts: Facts) -> list[str]:
    """Return which rivals are missing, and why."""
    return [
        phrase(
            "- The {rival} is missing: it cannot be trained on these rows ({reason}).",
            rival=translated(NAMES.get(title, title)),
            reason=reason,
        )
        for title, reason in (facts.get("untrained_rivals") or {}).items()
    ]


def _notes(rivals: Facts) -> tuple[str, ...]:
    """Return the notes that apply to these rivals."""
    own = {"linear", "boosting"} & set(rivals)
    return NOTES if len(own) > 1 else (OF_ONE, *NOTES[1:]) if own else NOTES[1:]


def _answer(facts: Facts) -> str:
    rivals = facts["rivals"]
    if found := winners(facts):
        return phrase(
            "No: {rivals} did better.", rivals=listed([_name(rivals[one]) for one in found])
        )
    level = [_name(one) for one in rivals.values() if _verdict(one) == "no proven gain"]
    if any(_verdict(one) is None for one in rivals.values()):
        return phrase("That cannot be said: not all were compared.")
    if level:
        return phrase(
            "This is not decided: no difference from the {rivals} is proven.", rivals=listed(level)
        )
    if len(rivals) == 1:
        return phrase("Yes: it is proven better than its rival.")
    if len(rivals) == 2:
        return phrase("Yes: it is proven better than both rivals.")
    return phrase("Yes: it is proven better than all rivals.")


def _verdict(rival: Facts) -> str | None:
    pair = rival["against_best"]
    return str(pair["verdict"]) if pair else None


def _decimals(metric: Metric, rivals: Mapping[str, Facts]) -> int:
    pairs = [one["against_best"] for one in rivals.values()]
    ends = [pair["interval"] for pair in pairs if pair and pair["interval"]]
    spreads = [(high - low) / 2 for low, high in ends]
    spreads = spreads or [pair["gain"] for pair in pairs if pair]
    return min(decimals_of_differences(metric, *spreads), 5) if spreads else 0


def _against_best(metric: Metric, pair: Facts | None, decimals: int) -> list[str]:
    """Return a rival's gain over the best network, its interval and the verdict."""
    if not pair:
        return [BLANK] * 3
    ends = [number(metric.factor * end, decimals) for end in pair["interval"] or ()]
    judged = verdict_word(pair["verdict"])
    return [
        with_unit(metric, number(metric.factor * pair["gain"], decimals)),
        with_unit(metric, between(*ends)) if ends else BLANK,
        judged if pair["verdict"] == "no proven gain" else f"**{judged}**",
    ]


def _levels(metric: Metric, models: list[Facts]) -> list[str]:
    """Return mean test scores with enough decimals to distinguish them from the first."""
    means = [one["test"][metric.name]["mean"] for one in models]
    gaps = [abs(one - means[0]) for one in means[1:]]
    decimals = min(decimals_of_differences(metric, *gaps), 5)
    title = "" if metric.per_cent else f" {metric.title}"
    return [f"{number(metric.factor * mean, decimals)}{metric.unit}{title}" for mean in means]


def _has_units(facts: Facts, metric: Metric) -> bool:
    known = facts["data"].get("target") and metric.of_target is not None
    return bool(facts["task"] == "regression" and known)


def _in_units(facts: Facts, metric: Metric, one: Facts) -> str:
    """Return a mean test error in the target's own units."""
    return significant(one["test"][metric.name]["mean"] * facts["data"]["target"]["std"], 3)
