"""What did pruning cost? A few pruned trials, drawn by lot, were trained to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.scored import metric_in
from tuner.report.wording import code, count, difference, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def pruning_cost(facts: Facts) -> str:
    """Say what pruning cost this study; empty where nothing is known of it."""
    found = facts["audit"]
    if not found:
        return ""
    one = found["audited"] == 1
    how = (
        f"{found['audited']} of the {count(found['pruned'], 'pruned trial')} "
        f"{'was' if one else 'were'} drawn by lot, and trained to {'its' if one else 'their'} end "
        "after the search."
    )
    return " ".join((_cost(facts, found), how, _of_all(found), *_differing(found)))


def _cost(facts: Facts, found: Facts) -> str:
    if better := found["best"]["trials"]:
        top = better[0]
        return (
            f"**Pruning cost this search a better score.** Trial {top['trial']} was pruned. "
            "Trained to its end, it is better than the best of the search by "
            f"{difference(metric_in(facts), abs(top['score'] - found['best_of_search']))}. It took "
            "part in no choice. To train it again as a new trial, run the same command with "
            f"{code('--try ' + _typed(top['values']))}; it may be pruned again."
        )
    if better := found["candidates"]["trials"]:
        numbers = listed([str(one["trial"]) for one in better])
        return (
            f"**Pruning cost the race {count(len(better), 'candidate')}, not the best.** Trial "
            f"{numbers} would have been among the {found['candidates_of_search']} candidates, and "
            "behind the best of the search."
        )
    return "**No loss by pruning was found.**"


def _of_all(found: Facts) -> str:
    """Say how many of all pruned trials would have mattered."""
    n, pruned = found["audited"], found["pruned"]
    better = len(found["candidates"]["trials"])
    so_many = f"None of {n}" if not better and n > 1 else f"{better} of {n}"
    text = (
        f"{so_many} would have been among the {found['candidates_of_search']} candidates for the "
        "race"
    )
    low, high = found["candidates"]["interval"]
    if n == pruned:
        return f"{text}."
    text += f"; of all {pruned}, {low} to {high} would have (95 % interval)."
    if high - low > pruned / 2:
        text += f" {count(n, 'training')} cannot tell it more closely."
    return text


def _differing(found: Facts) -> list[str]:
    """Say so where a training did not begin as the search's did."""
    numbers = [str(one["trial"]) for one in found["trials"] if one["differs"]]
    if not numbers:
        return []
    return [
        f"Trial {listed(numbers)} did not begin as it did in the search, so this study does not "
        "repeat bit for bit here."
    ]


def _typed(values: Facts) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())
