"""Compares studies: what differs, and whether their scores can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import said
from tuner.report.facts import gather
from tuner.runs.folder.inventory import best_in
from tuner.study.store import facts_of, load_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.workplace import Workplace

INPUTS = {
    "case": "case",
    "metric": "metric",
    "seed": "seed",
    "fixed": "--fix",
    "order": "--order",
    "sampler": "sampler",
    "pruner": "pruner",
    "plan": "plan",
    "version": "tuner",
}


def contrast(workplace: Workplace, *names: str) -> dict[str, Any]:
    """Return what differs between studies, as plain values.

    Args:
        names: of two or more studies.

    Returns:
        `inputs` and `hyperparameters` map what differs to its values, one per study; `scores` has
        those of each best; `comparable` tells whether these were measured in the same way on the
        same rows, and `reasons` why not, or what to bear in mind.

    Raises:
        UsageError: there is no study of such a name.
        StudyError: one has no complete trial.
    """
    studies = [load_study(workplace.url, name) for name in names]
    made = [facts_of(study) for study in studies]
    bests = [best_in(gather(study, workplace)) for study in studies]
    reasons = reasons_among(made)
    comparable = not reasons
    return {
        "studies": list(names),
        "comparable": comparable,
        "reasons": reasons or _to_bear_in_mind(made, bests),
        "inputs": inputs_that_differ(*made),
        "hyperparameters": differing(*(one["hyperparameters"] for one in bests)),
        "scores": [
            {name: one[name] for name in ("trial", "metric", "validation", "test", "verdict")}
            for one in bests
        ],
        "sentences": [one["sentence"] for one in bests],
    }


def reasons_among(made: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return why scores of studies cannot be compared with the first's, without repetitions."""
    found = (reason for other in made[1:] for reason in reasons_against(made[0], other))
    return list(dict.fromkeys(found))


def reasons_against(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return why scores of two studies cannot be compared; empty if they can."""
    found: list[str] = []
    prints = [made["data"]["fingerprint"] for made in (one, other)]
    if prints[0] != prints[1]:
        words = [
            f"{m['data']['name']} ({p[:12]})" for m, p in zip((one, other), prints, strict=True)
        ]
        found.append(
            said(
                "They were made on different data: {one} and {other}.", one=words[0], other=words[1]
            )
        )
    if one["metric"] != other["metric"]:
        found.append(
            said(
                "They have different metrics: {one} and {other}.",
                one=one["metric"],
                other=other["metric"],
            )
        )
    return found


def _to_bear_in_mind(made: list[dict[str, Any]], bests: list[dict[str, Any]]) -> list[str]:
    found = []
    every = "both" if len(bests) == 2 else "all"
    if not all(one["test"] for one in bests):
        found.append(
            f"Not {every} were confirmed, so only validation scores can be compared. The best of "
            "each was chosen by them, so they are optimistic."
        )
        if any(one["seed"] != made[0]["seed"] for one in made):
            found.append("Their seeds differ, so they were validated on different folds.")
    else:
        found.append(
            f"{every.capitalize()} were tested on the same rows. Choosing one of them by these "
            "scores uses the test split for a choice: its score is then optimistic."
        )
    return found


def inputs_that_differ(*made: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the settings of studies that differ: for each its values, one per study."""
    found = differing(*({words: one.get(name) for name, words in INPUTS.items()} for one in made))
    for name in ("name", "fingerprint"):
        values = [one["data"][name] for one in made]
        if any(value != values[0] for value in values):
            found[f"data {name}"] = values
    if changed := sorted(differing(*(one.get("space", {}) for one in made))):
        found["search space"] = [", ".join(changed), *["differ"] * (len(made) - 1)]
    return found


def differing(*several: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the entries that differ between several mappings, with their values in each."""
    names = dict.fromkeys(name for one in several for name in one)
    values = {name: [one.get(name) for one in several] for name in names}
    return {name: each for name, each in values.items() if any(v != each[0] for v in each)}
