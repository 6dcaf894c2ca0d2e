"""Says whether more trials of this search would help, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, nphrase, phrase
from tuner.report.scored import metric_in
from tuner.report.wording import count, difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]


def more_trials(facts: Facts) -> str:
    """Return whether more trials of this search would help, and why."""
    found, metric = facts["outlook"], metric_in(facts)
    if found["more_trials"] == "limited":
        return phrase(
            "**More trials of this search are not possible**: {most} configurations in a row were "
            "over the limits, so it ended after {trials}.",
            most=facts["stopped"]["over_limits"],
            trials=count(facts["stopped"]["trials"], "trial"),
        )
    if found["more_trials"] == "no":
        return nphrase(
            "**More trials cannot help**: the search space has {count:,} configuration, and the "
            "search has tried it.",
            "**More trials cannot help**: the search space has {count:,} configurations, and the "
            "search has tried all of them.",
            found["configurations"],
            count=found["configurations"],
        )
    if found["more_trials"] == "unknown":
        return phrase(
            "**It is too early to tell whether more trials would help**: there are only {trials}. "
            "Run at least 20.",
            trials=count(found["total"], "finished trial"),
        )
    brought = _brought(found, metric)
    if found["more_trials"] == "hardly":
        sentence = phrase("**{more} more trials would probably not help.**", more=found["last"])
        return joined(sentence, brought)
    return joined(
        phrase("**More trials may help.**"),
        brought,
        phrase("To continue, run the same command with a larger `--trials`."),
    )


def _brought(found: Facts, metric: Metric) -> str:
    """Return how much the last trials have improved the best score."""
    gain, noise = found["gain"], found["noise"]
    told = {"last": found["last"], "total": found["total"]}
    if not gain:
        return phrase(
            "The last {since_best} of {total} trials did not improve the best score of the search.",
            **told,
            since_best=found["since_best"],
        )
    told["gain"] = difference(metric, gain)
    if noise is None:
        text = phrase(
            "The last {last} of {total} trials improved the best score by {gain}.", **told
        )
    else:
        told["noise"] = difference(metric, noise)
        text = (
            phrase(
                "The last {last} of {total} trials improved the best score by {gain}, less than "
                "the uncertainty of that score ({noise}).",
                **told,
            )
            if gain <= noise
            else phrase(
                "The last {last} of {total} trials improved the best score by {gain}, more than "
                "the uncertainty of that score ({noise}).",
                **told,
            )
        )
    but = ""
    if found["more_trials"] == "hardly" and (noise is None or gain > noise):
        but = phrase(
            "But the last {since_best} did not improve it.", since_best=found["since_best"]
        )
    return joined(text, but)
