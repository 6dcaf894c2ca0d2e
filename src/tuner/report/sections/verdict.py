"""What a study has shown, in sentences: the best against the baseline, then the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.comparison import FEWEST_TO_PROVE
from tuner.language import joined, nphrase, phrase, recalled
from tuner.report.scored import metric_in
from tuner.report.sections.loop import has_test, is_of_loop, on_test
from tuner.report.wording import (
    between,
    code,
    count,
    decimals_for,
    difference,
    level_of,
    listed,
    number,
    p_value,
    per_cent,
    sentence,
    title_in_words,
    with_unit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]

MOST_NAMED = 4  # changes in a sentence


def verdict(facts: Facts) -> str:
    """Say in one sentence whether tuning has paid."""
    arms, pair = facts["arms"], facts["comparison"]["best_vs_baseline"]
    if not arms:
        return phrase("No verdict yet: {trials}, none of them complete.", trials=_trials(facts))
    if "baseline" not in arms:
        return phrase(
            "No verdict yet: the baseline has no complete trial ({trials}).", trials=_trials(facts)
        )
    if pair is None:
        return _unconfirmed(facts)
    if pair["same_trial"]:
        return _baseline_is_best(facts)
    what, (was, now), _ = _figures(facts, "best")
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
            "No proven gain: the {what} stayed at {now}, and that can be chance.",
            what=what,
            now=now,
        )
    return phrase(
        "No proven gain: the {what} went from {was} to {now}, and that can be chance.", **told
    )


def how_sure(facts: Facts) -> str:
    """Say how sure the verdict is, what that covers, and what would help."""
    pair = facts["comparison"]["best_vs_baseline"]
    if pair is None:
        return _why_unsure(facts)
    seeds = seeds_per_arm(pair)
    if pair["same_trial"]:
        return _sure_of_the_baseline(facts, seeds)
    _, _, interval = _figures(facts, "best")
    metric, worse = metric_in(facts), pair["verdict"] == "worse"
    gain = -pair["gain"] if worse else pair["gain"]
    ends = pair["interval"] or (gain, gain)
    width = (ends[1] - ends[0]) / 2
    told = {"difference": difference(metric, gain, width or gain), "seeds": seeds}
    if pair["interval"] is None:
        begin = (
            phrase("the loss is {difference}, on {seeds} only, so there is no interval.", **told)
            if worse
            else phrase(
                "the gain is {difference}, on {seeds} only, so there is no interval.", **told
            )
        )
    else:
        told |= {"interval": interval, "p": p_value(pair["p_value"])}
        begin = (
            phrase(
                "the loss is {difference}, with a 95 % interval of {interval} ({p}, {seeds}).",
                **told,
            )
            if worse
            else phrase(
                "the gain is {difference}, with a 95 % interval of {interval} ({p}, {seeds}).",
                **told,
            )
        )
    why = _why_not_proven(facts, pair) if pair["verdict"] == "no proven gain" else ""
    return joined(begin, why, looks_taken(facts), covered(facts, pair), *_certainty(pair))


def seeds_per_arm(pair: Facts) -> str:
    """Write how many models an arm of a comparison has."""
    return nphrase("{count:,} seed per arm", "{count:,} seeds per arm", pair["n"], count=pair["n"])


def looks_taken(facts: Facts) -> str:
    """Say how many looks at the test it took, where two were planned."""
    plan = (facts["confirmation"] or {}).get("plan")
    if not plan or len(plan["models"]) < 2:
        return ""
    first, both = plan["models"]
    if plan["made"] < 2 and not plan["settled"]:
        return phrase(
            "The second look, at {both} models per arm, is still to come: continue the study.",
            both=both,
        )
    if plan["made"] < 2:
        return phrase("The first look, at {first} models per arm, was enough.", first=first)
    return phrase(
        "The first look, at {first} models per arm, proved nothing, so a second look was taken at "
        "{both}. Both were planned beforehand and share the 5 % of error.",
        first=first,
        both=both,
    )


def covered(facts: Facts, pair: Facts) -> str:
    """Say which kinds of luck an interval covers, and how much each adds to the uncertainty."""
    if not has_test(facts):
        return phrase(
            "This covers the luck of training. The scores are on the validation rows that the "
            "search has seen, so new rows are not covered: add a function `test` to the file."
        )
    if not pair.get("rows"):
        if is_of_loop(facts):
            return phrase(
                "This covers the luck of training, not the choice of the test rows: return a score "
                "for each row from `test`, and it will."
            )
        return phrase(
            "This covers the luck of training, not the choice of the {rows:,} test rows.",
            rows=facts["data"]["sizes"]["test"],
        )
    rows, seeds = pair.get("share_of_rows"), pair.get("share_of_seeds")
    if rows is not None and seeds is not None:
        text = phrase(
            "This covers new trainings and new test rows (there were {rows:,}); {of_rows} of the "
            "uncertainty comes from the rows and {of_seeds} from the seeds.",
            rows=pair["rows"],
            of_rows=per_cent(rows),
            of_seeds=per_cent(seeds),
        )
    else:
        text = phrase(
            "This covers new trainings and new test rows (there were {rows:,}).", rows=pair["rows"]
        )
    looks = pair.get("looks") or 1
    used = phrase(
        "The test rows have been used {looks} times, and the interval is wider for that.",
        looks=looks,
    )
    up = phrase("**These test rows are used up**: find new ones before you trust another verdict.")
    return joined(text, used if looks > 1 else "", up if pair.get("used_up") else "")


def _certainty(pair: Facts) -> list[str]:
    found = pair.get("certainty") or []
    return [sentence(recalled(one)) for one in ([found] if isinstance(found, str) else found)]


def _why_not_proven(facts: Facts, pair: Facts) -> str:
    if pair.get("seed_matters", "weights") != "weights":
        if is_of_loop(facts):
            return phrase(
                "Fresh seeds change nothing: every call of a configuration came to the same score, "
                "so more calls prove nothing. If the loop seeds itself, use `tuner.seed()` there."
            )
        return phrase(
            "The case fixes the seed of its weights, so all models of a configuration begin alike, "
            "and more trainings prove nothing. Remove the fixed seed from `build`."
        )
    fewest = fewest_seeds(pair)
    if pair["n"] < fewest:
        return phrase(
            "Fewer than {fewest} seeds cannot tell a gain from chance; {with_more}.",
            fewest=fewest,
            with_more=_with_more(facts, pair),
        )
    if pair["interval"] and pair["interval"][0] <= 0 <= pair["interval"][1]:
        return phrase("The interval includes zero, so there may be no gain at all.")
    return phrase(
        "The interval excludes zero, but the test does not rule out chance (p above 0.05)."
    )


def _why_unsure(facts: Facts) -> str:
    arms, unfinished = facts["arms"], facts["trials"]["unfinished"]
    if "baseline" not in arms:
        more = phrase("Run the same command again to continue.") if unfinished else ""
        return joined(phrase("there is nothing to compare with yet."), more)
    return phrase("not at all yet. Scores of a search are optimistic: the best was chosen by them.")


def recipe_verdict(facts: Facts) -> str:
    """Say in one sentence what the textbook recipe has done; empty where nothing is known."""
    arms, pair = facts["arms"], facts["comparison"]["recipe_vs_baseline"]
    if arms and "recipe" not in arms:
        if not facts.get("has_recipe", True):
            return ""
        return phrase("The textbook recipe has no complete trial, so it is not compared.")
    if (
        pair is None
        or facts["comparison"]["best_vs_baseline"] is None  # the best has a validation score only
        or arms["best"]["trial"] == arms["recipe"]["trial"]
    ):
        return ""
    _, (_, now), interval = _figures(facts, "recipe")
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
    """Say which few changes bring a proven gain by themselves; empty where that is not known.

    They were trained together, with nothing else changed. That is a measurement; it does not divide
    a gain among changes that need each other.
    """
    found, pair = facts["ablation"], facts["comparison"]["best_vs_baseline"]
    if not found or not found["smallest"] or not pair or pair["verdict"] != "better":
        return ""
    whole, part = found["whole"]["gain"], found["smallest"]["gain"]
    if whole is None or part is None or not whole > 0:
        return ""
    names = [
        one["change"] for one in found["path"] if one["change"] in found["smallest"]["changes"]
    ]
    if len(names) > MOST_NAMED:
        return phrase(
            "{needed} of the {changes} are needed.",
            needed=len(names),
            changes=count(len(found["changes"]), "change"),
        )
    told = {"names": listed([code(name) for name in names]), "share": of_the_gain(part / whole)}
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


def of_the_gain(share: float) -> str:
    """Write a share of the gain; more than all of it is all of it."""
    if share >= 1:
        return phrase("all of the gain")
    return phrase("{share} of the gain", share=per_cent(share))


def is_unconfirmed(facts: Facts) -> bool:
    """Whether a confirmation would add something."""
    return "baseline" in facts["arms"] and facts["comparison"]["best_vs_baseline"] is None


def _unconfirmed(facts: Facts) -> str:
    confirmation, best = facts["confirmation"], facts["arms"]["best"]["trial"]
    going_on = True  # a clause is still to be explained
    if confirmation is None:
        begin = phrase("Not confirmed yet")
    elif "best" in confirmation["outdated"]:
        going_on = False
        begin = phrase(
            "Not confirmed yet: the search has found a better trial ({best}) since trial {before} "
            "was confirmed",
            best=best,
            before=confirmation["outdated"]["best"],
        )
    elif confirmation["outdated"] or "best" not in facts["arms"]:
        begin = phrase("Not all current arms have been confirmed")
    else:
        going_on = False
        begin = phrase("Not every confirmed test score is a number, so nothing is proven")
    metric = metric_in(facts)
    was, now = (
        _level(metric, facts["arms"][name]["validation"]["mean"]) for name in ("baseline", "best")
    )
    if facts["arms"]["baseline"]["trial"] == best or was is None or now is None:
        in_search = phrase("in the search, nothing was better than the baseline.")
    else:
        decimals = _decimals(metric, was, now)
        in_search = phrase(
            "in the search, tuning took the validation {metric} from {was} to {now}.",
            metric=title_in_words(metric.level_title),
            was=_write(metric, was, decimals),
            now=_write(metric, now, decimals),
        )
    if going_on:
        return phrase("{begin}: {in_search}", begin=begin, in_search=in_search)
    return phrase("{begin}; {in_search}", begin=begin, in_search=in_search)


def _baseline_is_best(facts: Facts) -> str:
    metric = metric_in(facts)
    level = level_of(metric, facts["arms"]["baseline"]["test"][metric.name]["mean"])
    told = {
        "metric": on_test(facts, metric.level_title),
        "level": _write(metric, level, _decimals(metric, level)),
    }
    if facts["trials"]["complete"] == 1:
        return phrase(
            "Nothing to compare yet: the only complete trial is the baseline, whose {metric} is "
            "{level}.",
            **told,
        )
    told["trials"] = _trials(facts)
    if _has_few_seeds(facts):
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


def _sure_of_the_baseline(facts: Facts, seeds: str) -> str:
    if _has_few_seeds(facts):
        pair = facts["comparison"]["best_vs_baseline"]
        return phrase(
            "{seeds} cannot tell a gain from chance; {with_more}.",
            seeds=seeds,
            with_more=_with_more(facts, pair),
        )
    return phrase(
        "the baseline was trained again on {seeds}, beside the best trials of the search.",
        seeds=seeds,
    )


def _has_few_seeds(facts: Facts) -> bool:
    pair = facts["comparison"]["best_vs_baseline"]
    return bool(pair["n"] < fewest_seeds(pair))


def fewest_seeds(pair: Facts) -> int:
    """Return how many models per arm can prove anything."""
    return int(pair.get("fewest", FEWEST_TO_PROVE))


def _with_more(facts: Facts, pair: Facts) -> str:
    """Say what to run for enough models; a further test on the same rows may need more."""
    if is_of_loop(facts):
        return phrase("run again with `--seeds {fewest}` or more", fewest=fewest_seeds(pair))
    return phrase("run again without `--seeds`")


def _recipe_is_best(facts: Facts) -> bool:
    same = facts["comparison"]["best_vs_recipe"]
    return bool(same and same["same_trial"])


def _trials(facts: Facts) -> str:
    return count(facts["trials"]["total"], "finished trial")


def _figures(facts: Facts, arm: str) -> tuple[str, tuple[str, str], str]:
    """Return what is measured, the baseline's and the arm's level, and the interval of the gain."""
    metric, pair = metric_in(facts), facts["comparison"][f"{arm}_vs_baseline"]
    was, now = (
        level_of(metric, facts["arms"][name]["test"][metric.name]["mean"])
        for name in ("baseline", arm)
    )
    low, high = gain_interval(facts, pair) or (0.0, 0.0)
    # As many decimals as the width of the interval is worth, and none of its ends a false zero.
    ends = (end for end in (low, high) if abs(end) > (high - low) / 100)
    decimals = _decimals(metric, was, now, *ends, (high - low) / 2)
    if pair["verdict"] == "worse":
        low, high = -high, -low
    interval = with_unit(metric, between(number(low, decimals), number(high, decimals)))
    levels = _write(metric, was, decimals), _write(metric, now, decimals)
    return on_test(facts, metric.level_title), levels, interval


def gain_interval(facts: Facts, pair: Facts) -> tuple[float, float] | None:
    """Return the interval of a gain in the units of a loss: accuracy in points of a per cent."""
    factor = metric_in(facts).factor
    return pair["interval"] and (factor * pair["interval"][0], factor * pair["interval"][1])


def _level(metric: Metric, score: float | None) -> float | None:
    return None if score is None else level_of(metric, score)


def _decimals(metric: Metric, *values: float) -> int:
    least = 1 if metric.per_cent else 0
    most = 3 if metric.per_cent else 6
    smallest = decimals_for(*(value for value in values if abs(value) > 1e-9), least=least)
    return min(smallest + (not metric.per_cent), most)


def _write(metric: Metric, level: float, decimals: int) -> str:
    return number(level, decimals) + metric.unit
