"""The verdict in sentences: the best compared with the baseline, then the textbook recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import nphrase, phrase
from tuner.report.facts.steps import can_be_told
from tuner.report.scored import metric_in
from tuner.report.sections.figures import decimals_of, figures, level_or_none, written
from tuner.report.sections.loop import is_of_loop, on_test
from tuner.report.sections.sureness import fewest_seeds, has_few_seeds
from tuner.report.wording import (
    code,
    count,
    level_of,
    listed,
    p_value,
    per_cent,
    title_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

MOST_NAMED = 4  # changes named in a sentence


def verdict(facts: Facts) -> str:
    """Return in one sentence whether tuning has brought a proven gain."""
    arms, pair = facts["arms"], facts["comparison"]["best_vs_baseline"]
    if facts.get("shuffled"):
        return phrase(
            "No verdict: this is a placebo, a search on shuffled targets, where there is nothing "
            "to find."
        )
    if not arms:
        return phrase("No verdict yet: {trials}, none of them complete.", trials=_trials(facts))
    if "baseline" not in arms:
        return phrase(
            "No verdict yet: the baseline has no complete trial ({trials}).", trials=_trials(facts)
        )
    if "best" not in arms:
        return phrase("No verdict: no model that was trained is within the limits of the study.")
    if pair is None:
        return _unconfirmed(facts)
    if pair["same_trial"]:
        return _baseline_is_best(facts)
    what, (was, now), _ = figures(facts, "best")
    told = {"what": what, "was": was, "now": now}
    if pair["verdict"] == "better":
        if _recipe_is_best(facts):
            return phrase(
                "Better: the textbook recipe took the {what} from {was} to {now}; the search "
                "found nothing better than this recipe.",
                **told,
            )
        return phrase("Better: tuning took the {what} from {was} to {now}.", **told)
    if pair["verdict"] == "worse":
        return phrase(
            "Worse: with tuning, the {what} went from {was} to {now}; keep the baseline.", **told
        )
    if was == now:
        return phrase(
            "No proven gain: the {what} stayed at {now}.",
            what=what,
            now=now,
        )
    return phrase(
        "No proven gain: the {what} went from {was} to {now}, and that can be chance.", **told
    )


def recipe_verdict(facts: Facts) -> str:
    """Return in one sentence what the textbook recipe has achieved; an empty string if unknown."""
    arms, pair = facts["arms"], facts["comparison"]["recipe_vs_baseline"]
    if arms and "recipe" not in arms:
        if not facts.get("has_recipe", True):
            return ""
        return phrase("The textbook recipe has no complete trial, so it is not compared.")
    if (
        pair is None
        or facts["comparison"]["best_vs_baseline"] is None  # the best has only a validation score
        or arms["best"]["trial"] == arms["recipe"]["trial"]
    ):
        return ""
    _, (_, now), interval = figures(facts, "recipe")
    told = {"now": now, "interval": interval}
    if pair["verdict"] == "better":
        return phrase("The textbook recipe alone reached {now} (gain {interval}).", **told)
    if pair["verdict"] == "worse":
        return phrase("The textbook recipe alone made it worse: {now} (loss {interval}).", **told)
    if pair["n"] < fewest_seeds(pair):
        return phrase(
            "The textbook recipe alone reached {now}: no proven gain on {seeds}.",
            now=now,
            seeds=count(pair["n"], "seed"),
        )
    return phrase(
        "The textbook recipe alone reached {now}: no proven gain ({interval}, {p}).",
        **told,
        p=p_value(pair["p_value"]),
    )


def most_of_it(facts: Facts) -> str:
    """Return which few changes bring a proven gain by themselves; an empty string if unknown.

    These changes were trained together, with nothing else changed. So this is a measurement. It
    does not divide the gain among changes that depend on each other.
    """
    found, pair = facts["ablation"], facts["comparison"]["best_vs_baseline"]
    if not found or not found["smallest"] or not pair or pair["verdict"] != "better":
        return ""
    whole, part = found["whole"]["gain"], found["smallest"]["gain"]
    if whole is None or part is None or not whole > 0 or not can_be_told(found):
        return ""
    names = [
        one["change"] for one in found["path"] if one["change"] in found["smallest"]["changes"]
    ]
    which = (
        listed([code(name) for name in names])
        if len(names) <= MOST_NAMED
        else phrase(
            "{some} of the {changes}",
            some=len(names),
            changes=count(len(found["changes"]), "change"),
        )
    )
    told = {"names": which, "share": of_the_gain(found)}
    if is_of_loop(facts):
        return nphrase(
            "On fresh seeds, {names} alone brings {share}.",
            "On fresh seeds, {names} alone bring {share}.",
            len(names),
            **told,
        )
    return nphrase(
        "On fresh folds, {names} alone brings {share}.",
        "On fresh folds, {names} alone bring {share}.",
        len(names),
        **told,
    )


def of_the_gain(found: Facts) -> str:
    """Return what share of the gain the smallest change worth making has, in words.

    More than all of it counts as all of it. Where changes were left out, the same folds chose these
    and measured them, so their share is told as the best that it may be (studies/verdict).

    Args:
        found: the ablation, with a smallest change and a gain of all changes.
    """
    share = found["smallest"]["gain"] / found["whole"]["gain"]
    if len(found["smallest"]["changes"]) < len(found["changes"]):
        if share >= 1:
            return phrase("at best all of the gain")
        return phrase("at best {share} of the gain", share=per_cent(share))
    if share >= 1:
        return phrase("all of the gain")
    return phrase("{share} of the gain", share=per_cent(share))


def is_unconfirmed(facts: Facts) -> bool:
    """Whether baseline and best exist but have not been compared on the test split."""
    if facts.get("shuffled"):
        return False
    compared = facts["comparison"]["best_vs_baseline"]
    return {"baseline", "best"} <= facts["arms"].keys() and compared is None


def _unconfirmed(facts: Facts) -> str:
    begin, is_short = _why_unconfirmed(facts)
    told = {"begin": begin, "in_search": _in_the_search(facts)}
    if is_short:
        return phrase("{begin}: {in_search}", **told)
    return phrase("{begin}; {in_search}", **told)  # `begin` has a colon or a comma of its own


def _why_unconfirmed(facts: Facts) -> tuple[str, bool]:
    """Return why there is no confirmed comparison, and whether this is a single short clause."""
    confirmation = facts["confirmation"]
    if confirmation is None:
        return phrase("Not confirmed yet"), True
    outdated = confirmation["outdated"]
    if "best" in outdated:
        newer = phrase(
            "Not confirmed yet: the search has found a better trial ({best}) since trial {before} "
            "was confirmed",
            best=facts["arms"]["best"]["trial"],
            before=outdated["best"],
        )
        return newer, False
    if outdated:
        return phrase("Not all current arms have been confirmed"), True
    return phrase("Not every confirmed test score is a number, so nothing is proven"), False


def _in_the_search(facts: Facts) -> str:
    """Return what tuning has changed by the scores of the search."""
    metric = metric_in(facts)
    was, now = (
        level_or_none(metric, facts["arms"][name]["validation"]["mean"])
        for name in ("baseline", "best")
    )
    if was is None or now is None or was == now:  # the best may be the baseline itself
        return phrase("in the search, nothing was better than the baseline.")
    decimals = decimals_of(metric, was, now, now - was)
    return phrase(
        "in the search, tuning took the validation {metric} from {was} to {now}.",
        metric=title_in_words(metric.level_title),
        was=written(metric, was, decimals),
        now=written(metric, now, decimals),
    )


def _baseline_is_best(facts: Facts) -> str:
    metric = metric_in(facts)
    level = level_of(metric, facts["arms"]["baseline"]["test"][metric.name]["mean"])
    told = {
        "metric": on_test(facts, metric.level_title),
        "level": written(metric, level, decimals_of(metric, level)),
    }
    if facts["trials"]["complete"] == 1:
        return phrase(
            "Nothing to compare yet: the only complete trial is the baseline, whose {metric} is "
            "{level}.",
            **told,
        )
    told["trials"] = _trials(facts)
    if has_few_seeds(facts):
        return phrase(
            "No proven gain: in {trials} the search found nothing better than the baseline, whose "
            "{metric} is {level}.",
            **told,
        )
    return phrase(
        "No gain: in {trials} the search found nothing better than the baseline, whose {metric} is "
        "{level}.",
        **told,
    )


def _recipe_is_best(facts: Facts) -> bool:
    same = facts["comparison"]["best_vs_recipe"]
    return bool(same and same["same_trial"])


def _trials(facts: Facts) -> str:
    return count(facts["trials"]["total"], "finished trial")
