"""The result of the same search on shuffled targets, where there is nothing to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, phrase
from tuner.report.scored import metric_in
from tuner.report.wording import count, difference, means_and_stds, title_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping


def placebo_in_words(facts: Mapping[str, Any]) -> str:
    """Return the result of the search on shuffled targets; an empty string if there was none."""
    found, metric = facts["placebo"], metric_in(facts)
    if not found:
        return ""
    values = [found["score"], found["fresh"], found["chance"]]
    shown = iter(
        means_and_stds(metric, [{"mean": one, "std": None} for one in values if one is not None])
    )
    score = next(shown)
    fresh = next(shown) if found["fresh"] is not None else phrase("no score")
    chance = next(shown) if found["chance"] is not None else phrase("unknown")
    text = phrase(
        "**On shuffled targets, where there is nothing to find,** the best of {trials} has "
        "{metric} {score} in the search and {fresh} on fresh folds; a model that always gives "
        "the same answer has {chance}.",
        trials=count(found["trials"], "trial"),
        metric=title_in_words(metric.title),
        score=score,
        fresh=fresh,
        chance=chance,
    )
    if found["optimism"] is None:
        return text
    luck = (
        phrase(
            "So about {luck} of a search score is luck there.",
            luck=difference(metric, found["optimism"]),
        )
        if found["optimism"] > 0
        else phrase(
            "The score in the search is not better than on fresh folds, so no luck is seen there."
        )
    )
    if found["gain"] is None:
        return joined(text, luck)
    if found["gain"] < 0:
        loss = difference(metric, -found["gain"])
        own = phrase("On its own targets the search was {loss} worse than the baseline.", loss=loss)
        return joined(text, luck, own)
    own = phrase(
        "On its own targets the search improved on the baseline by {gain}.",
        gain=difference(metric, found["gain"]),
    )
    return joined(text, luck, own)
