"""The cost of pruning: a random sample of pruned trials was trained to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, nphrase, phrase
from tuner.report.scored import metric_in
from tuner.report.wording import assignments, code, count, difference, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def pruning_cost(facts: Facts) -> str:
    """Return what pruning cost this study; an empty string if unknown."""
    found = facts["audit"]
    if not found:
        return ""
    how = nphrase(
        "{audited} of the {pruned} was drawn at random, and trained to its end after the search.",
        "{audited} of the {pruned} were drawn at random, and trained to their end after the "
        "search.",
        found["audited"],
        audited=found["audited"],
        pruned=count(found["pruned"], "pruned trial"),
    )
    return joined(_cost(facts, found), how, _of_all(found), _differing(found))


def _cost(facts: Facts, found: Facts) -> str:
    if better := found["best"]["trials"]:
        top = better[0]
        return phrase(
            "**Pruning cost this search a better score.** Trial {trial} was pruned. Trained to "
            "its end, it is better than the best of the search by {by}. This training was not "
            "used to choose the best. To train it again as a new trial, run the same command "
            "with {option}; it may be pruned again.",
            trial=top["trial"],
            by=difference(metric_in(facts), abs(top["score"] - found["best_of_search"])),
            option=code("--try " + assignments(top["values"])),
        )
    if better := found["candidates"]["trials"]:
        return nphrase(
            "**Pruning cost the race {count:,} candidate, not the best.** Trial {numbers} would "
            "have been among the {candidates} candidates, and behind the best of the search.",
            "**Pruning cost the race {count:,} candidates, not the best.** Trials {numbers} would "
            "have been among the {candidates} candidates, and behind the best of the search.",
            len(better),
            count=len(better),
            numbers=listed([str(one["trial"]) for one in better]),
            candidates=found["candidates_of_search"],
        )
    return phrase("**No loss by pruning was found.**")


def _of_all(found: Facts) -> str:
    """Return how many of all pruned trials would have been candidates for the race."""
    n, pruned = found["audited"], found["pruned"]
    better = len(found["candidates"]["trials"])
    some = phrase("None of {n}", n=n) if not better and n > 1 else ""
    told = {
        "some": some or phrase("{better} of {n}", better=better, n=n),
        "candidates": found["candidates_of_search"],
    }
    low, high = found["candidates"]["interval"]
    if n == pruned:
        return phrase(
            "{some} would have been among the {candidates} candidates for the race.", **told
        )
    text = phrase(
        "{some} would have been among the {candidates} candidates for the race; of all {pruned}, "
        "{low} to {high} would have (95 % interval).",
        **told,
        pruned=pruned,
        low=low,
        high=high,
    )
    closely = nphrase(
        "{count:,} training cannot show this more precisely.",
        "{count:,} trainings cannot show this more precisely.",
        n,
        count=n,
    )
    return joined(text, closely if high - low > pruned / 2 else "")


def _differing(found: Facts) -> str:
    """Return which trainings began differently than in the search; an empty string if none did."""
    numbers = [str(one["trial"]) for one in found["trials"] if one["differs"]]
    if not numbers:
        return ""
    return nphrase(
        "Trial {numbers} did not begin as it did in the search, so this study does not repeat bit "
        "for bit here.",
        "Trials {numbers} did not begin as they did in the search, so this study does not repeat "
        "bit for bit here.",
        len(numbers),
        numbers=listed(numbers),
    )
