"""How certain a verdict is, and what would make it more certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.statistics.comparison import FEWEST_TO_PROVE
from tuner.language import joined, nphrase, phrase
from tuner.report.recalling import recalled
from tuner.report.scored import metric_in
from tuner.report.sections.coverage import covered
from tuner.report.sections.figures import figures
from tuner.report.sections.loop import is_of_loop
from tuner.report.wording import arm_word, difference, p_value, sentence

ROUNDING = 1e-9  # relative tolerance between p-values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Facts = Mapping[str, Any]


def how_sure(facts: Facts) -> str:
    """Return how certain the verdict is, what it covers, and what would make it more certain."""
    pair = facts["comparison"]["best_vs_baseline"]
    if pair is None:
        return _why_unsure(facts)
    if pair["same_trial"]:
        baseline = _sure_of_the_baseline(facts, seeds_per_arm(pair))
        return joined(_opposed(facts), baseline, *_left_out(facts))
    size = _loss(facts, pair) if pair["verdict"] == "worse" else _gain(facts, pair)
    why = _why_not_proven(facts, pair) if pair["verdict"] == "no proven gain" else ""
    taken = joined(looks_taken(facts), *_left_out(facts))
    return joined(size, _opposed(facts), why, taken, covered(facts, pair), *_certainty(pair))


def _gain(facts: Facts, pair: Facts) -> str:
    told = _size(facts, pair, pair["gain"])
    if pair["interval"] is None:
        return phrase("the gain is {difference}, on {seeds} only, so there is no interval.", **told)
    return phrase(
        "the gain is {difference}, with a 95 % interval of {interval} ({p}, {seeds}).", **told
    )


def _loss(facts: Facts, pair: Facts) -> str:
    told = _size(facts, pair, -pair["gain"])
    if pair["interval"] is None:
        return phrase("the loss is {difference}, on {seeds} only, so there is no interval.", **told)
    return phrase(
        "the loss is {difference}, with a 95 % interval of {interval} ({p}, {seeds}).", **told
    )


def _size(facts: Facts, pair: Facts, size: float) -> dict[str, str]:
    """Return the words for a gain or a loss, as precise as its interval, and for its evidence."""
    metric = metric_in(facts)
    if pair["interval"] is None:
        return {"difference": difference(metric, size, size), "seeds": seeds_per_arm(pair)}
    low, high = pair["interval"]
    _, _, interval = figures(facts, "best")
    return {
        "difference": difference(metric, size, (high - low) / 2 or size),
        "interval": interval,
        "p": p_value(pair["p_value"]),
        "seeds": by_so_many(pair),
    }


def _opposed(facts: Facts) -> str:
    """Say that the function `test` of a loop seems to score the other way; empty if it does not.

    If all intervals include zero, the choice of the test rows alone can bring another order.
    """
    intervals = [pair["interval"] for pair in facts["comparison"].values() if pair]
    beyond_chance = any(ends and not ends[0] <= 0 <= ends[1] for ends in intervals)
    if not beyond_chance or not (facts["confirmation"] or {}).get("opposed"):
        return ""
    noticed = phrase(
        "**This verdict may be the wrong way round.** What is better in every call on the "
        "validation rows is worse in every call on the test rows. Check that `test` returns the "
        "same kind of score as the loop."
    )
    if facts["metric"]["direction"] == "minimize":
        return joined(noticed, phrase("In this study, a lower score is better."))
    return joined(noticed, phrase("In this study, a higher score is better."))


def seeds_per_arm(pair: Facts) -> str:
    """Return how many models each arm of a comparison has."""
    return nphrase("{count:,} seed per arm", "{count:,} seeds per arm", pair["n"], count=pair["n"])


def by_so_many(pair: Facts) -> str:
    """Return how many models each arm has, and whether p is the lowest they can show."""
    seeds = seeds_per_arm(pair)
    if pair["p_value"] > pair.get("least_p_value", 0.0) * (1 + ROUNDING):
        return seeds
    return phrase("the least that {seeds} can show", seeds=seeds)


def looks_taken(facts: Facts) -> str:
    """Return how many looks at the test were needed; an empty string if only one was planned."""
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


def _left_out(facts: Facts) -> Iterator[str]:
    """Yield which trainings for the test gave no score, and how that limits the verdict."""
    confirmation = facts["confirmation"] or {}
    for name, diverged in confirmation.get("diverged", {}).items():
        if diverged:
            yield nphrase(
                "{count} training of the {arm} for the test diverged. The next seed took its "
                "place, so this holds for trainings that do not diverge.",
                "{count} trainings of the {arm} for the test diverged. The next seeds took their "
                "place, so this holds for trainings that do not diverge.",
                diverged,
                count=diverged,
                arm=arm_word(name),
            )
    for name, diverged in confirmation.get("untested", {}).items():
        yield nphrase(
            "The {arm} is not compared: {count} new training of it gave no score.",
            "The {arm} is not compared: {count} new trainings of it gave no score.",
            diverged,
            count=diverged,
            arm=arm_word(name),
        )
    if rounds := confirmation.get("left_out", 0):
        yield nphrase(
            "{count} round of calls was left out, because a call in it gave no score. Another "
            "took its place, so this holds for calls that give a score.",
            "{count} rounds of calls were left out, because a call in each gave no score. Others "
            "took their place, so this holds for calls that give a score.",
            rounds,
            count=rounds,
        )


def _certainty(pair: Facts) -> list[str]:
    found = pair.get("certainty") or []
    return [sentence(recalled(one)) for one in ([found] if isinstance(found, str) else found)]


def _why_not_proven(facts: Facts, pair: Facts) -> str:
    if pair.get("seed_matters", "weights") != "weights":
        if is_of_loop(facts):
            return phrase(
                "Fresh seeds change nothing: every call of a configuration gave the same score, "
                "so more calls prove nothing. If the loop sets its own seed, use `tuner.seed()` "
                "instead."
            )
        return phrase(
            "The case fixes the seed of its weights, so all models of a configuration start with "
            "the same weights, and more trainings prove nothing. Remove the fixed seed from "
            "`build`."
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
    if facts.get("shuffled"):
        return phrase(
            "what it finds is luck. Its test split is not opened, and there is nothing to confirm."
        )
    if "baseline" not in arms:
        more = phrase("Run the same command again to continue.") if unfinished else ""
        return joined(phrase("there is nothing to compare with yet."), more)
    return phrase("not at all yet. Scores of a search are optimistic: the best was chosen by them.")


def _sure_of_the_baseline(facts: Facts, seeds: str) -> str:
    if has_few_seeds(facts):
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


def has_few_seeds(facts: Facts) -> bool:
    """Whether the best has too few models to prove anything."""
    pair = facts["comparison"]["best_vs_baseline"]
    return bool(pair["n"] < fewest_seeds(pair))


def fewest_seeds(pair: Facts) -> int:
    """Return how many models per arm are needed to prove anything."""
    return int(pair.get("fewest", FEWEST_TO_PROVE))


def _with_more(facts: Facts, pair: Facts) -> str:
    """Return what to run for enough models; a later test on the same rows may need more."""
    if is_of_loop(facts):
        return phrase("run again with `--seeds {fewest}` or more", fewest=fewest_seeds(pair))
    return phrase("run again without `--seeds`")
