"""What a study has shown, in sentences: the best against the baseline, then the recipe."""

from __future__ import annotations

from typing import Any

from tuner.evidence.comparison import FEWEST_TO_PROVE
from tuner.report.wording import count, decimals_for, listed, loss, loss_title, loss_unit, number

MOST_NAMED = 4  # changes in a sentence


def verdict(facts: dict[str, Any]) -> str:
    """Say in one sentence whether tuning has paid."""
    arms, pair = facts["arms"], facts["comparison"]["best_vs_baseline"]
    if not arms:
        return f"Nothing to compare yet: {_trials(facts)}, none of them complete."
    if "baseline" not in arms:
        return f"No verdict: the baseline has no complete trial ({_trials(facts)})."
    if pair is None:
        return _unconfirmed(facts)
    seeds = count(pair["n"], "seed")
    if pair["same_trial"]:
        return _baseline_is_best(facts, seeds)
    what, (was, now), interval = _figures(facts, "best")
    if pair["verdict"] == "better":
        return (
            f"{_who(facts)} took the {what} from {was} to {now} "
            f"(95 % interval of the gain {interval}, {seeds})."
        )
    if pair["verdict"] == "worse":
        return (
            f"Worse: the best of the search has a {what} of {now}, the baseline of {was} "
            f"(95 % interval of the loss {interval}, {seeds}); keep the baseline."
        )
    went = f"stayed at {now}" if was == now else f"went from {was} to {now}"
    if pair["n"] < FEWEST_TO_PROVE:
        return (
            f"No proven gain: the {what} {went}, but {seeds} cannot tell a gain from chance; "
            f"confirm on {FEWEST_TO_PROVE} or more."
        )
    if pair.get("covers") == "rows":
        return (
            f"No proven gain: the {what} {went} (95 % interval of the gain {interval}, {seeds}, "
            f"{count(pair['rows'], 'test row')}; p = {pair['p_value']:.2g})."
        )
    if pair["p_value"] > 1 - pair["confidence"]:
        but = "but" if pair["gain"] > 0 else "and"
        return (
            f"No proven gain: the {what} {went} on {seeds}, {but} chance alone does as much in "
            f"{pair['p_value']:.0%} of cases."
        )
    return (
        f"No proven gain: the {what} {went}, but the 95 % interval of the gain, {interval} on "
        f"{seeds}, includes zero."
    )


def recipe_verdict(facts: dict[str, Any]) -> str:
    """Say in one sentence what the textbook recipe has done; empty where nothing is to say."""
    arms, pair = facts["arms"], facts["comparison"]["recipe_vs_baseline"]
    if arms and "recipe" not in arms:
        return "The textbook recipe has no complete trial, so it is not compared."
    if (
        pair is None
        or facts["comparison"]["best_vs_baseline"] is None  # what is said of the best is validation
        or arms["best"]["trial"] == arms["recipe"]["trial"]
    ):
        return ""
    _, (_, now), interval = _figures(facts, "recipe")
    if pair["verdict"] == "better":
        return f"The textbook recipe alone took it to {now} (gain {interval})."
    if pair["verdict"] == "worse":
        return f"The textbook recipe alone made it worse: {now} (loss {interval})."
    if pair["n"] < FEWEST_TO_PROVE:
        seeds = count(pair["n"], "seed")
        return f"The textbook recipe alone came to {now}, which proves nothing on {seeds}."
    return f"The textbook recipe alone came to {now}: no proven gain ({interval})."


def most_of_it(facts: dict[str, Any]) -> str:
    """Say which few changes bring a proven gain by themselves; empty where that is not known.

    They were trained together, with nothing else changed: that is measured, and no attribution of
    parts of a gain to changes that need each other.
    """
    found, pair = facts["ablation"], facts["comparison"]["best_vs_baseline"]
    if not found or not found["smallest"] or not pair or pair["verdict"] != "better":
        return ""
    whole = found["whole"]["gain"] or 0.0
    names = [
        one["change"] for one in found["path"] if one["change"] in found["smallest"]["changes"]
    ]
    if not whole > 0:
        return ""
    if len(names) > MOST_NAMED:
        return f"It takes {len(names)} of the {count(len(found['changes']), 'change')}."
    share = (found["smallest"]["gain"] or 0.0) / whole
    brings = "alone brings" if len(names) == 1 else "alone bring"
    of_it = "all of it" if share >= 1 else f"{share:.0%} of it"
    return f"On fresh folds {listed([f'`{name}`' for name in names])} {brings} {of_it}."


def is_unconfirmed(facts: dict[str, Any]) -> bool:
    """Whether a confirmation would add something."""
    return "baseline" in facts["arms"] and facts["comparison"]["best_vs_baseline"] is None


def _unconfirmed(facts: dict[str, Any]) -> str:
    confirmation, best = facts["confirmation"], facts["arms"]["best"]["trial"]
    if confirmation is None:
        begin = "Nothing was confirmed"
    elif "best" in confirmation["outdated"]:
        begin = (
            f"The best, trial {best}, was not confirmed (what was, trial "
            f"{confirmation['outdated']['best']}, has been overtaken since)"
        )
    elif confirmation["outdated"] or "best" not in facts["arms"]:
        begin = "The arms of now were not all confirmed"
    else:
        begin = "Not every confirmed test score is a number, so nothing is proven"
    metric = facts["metric"]["name"]
    was, now = (
        _loss(metric, facts["arms"][name]["validation"]["mean"]) for name in ("baseline", "best")
    )
    if facts["arms"]["baseline"]["trial"] == best or was is None or now is None:
        return f"{begin}; on validation, nothing better than the baseline was found."
    decimals = _decimals(metric, was, now)
    return (
        f"{begin}; on validation, where the best was chosen, tuning took the {loss_title(metric)} "
        f"from {_write(metric, was, decimals)} to {_write(metric, now, decimals)}, and that is "
        "optimistic."
    )


def _baseline_is_best(facts: dict[str, Any], seeds: str) -> str:
    baseline = f"the baseline, whose {_level_in_words(facts, 'baseline')} ({seeds})"
    if facts["trials"]["complete"] == 1:
        return f"Nothing to compare yet: no trial is complete but {baseline}."
    if facts["comparison"]["best_vs_baseline"]["n"] < FEWEST_TO_PROVE:
        return (
            f"No proven gain: nothing in the search did better than {baseline}, and {seeds} cannot "
            f"tell; confirm on {FEWEST_TO_PROVE} or more."
        )
    return f"No gain: in {_trials(facts)} the search found nothing better than {baseline}."


def _who(facts: dict[str, Any]) -> str:
    same = facts["comparison"]["best_vs_recipe"]
    if same and same["same_trial"]:
        return "The textbook recipe, which the search could not better,"
    return "Tuning"


def _trials(facts: dict[str, Any]) -> str:
    return count(facts["trials"]["total"], "finished trial")


def _level_in_words(facts: dict[str, Any], arm: str) -> str:
    metric = facts["metric"]["name"]
    level = loss(metric, facts["arms"][arm]["test"][metric]["mean"])
    return f"test {loss_title(metric)} is {_write(metric, level, _decimals(metric, level))}"


def _figures(facts: dict[str, Any], arm: str) -> tuple[str, tuple[str, str], str]:
    """Return what is measured, the baseline's and the arm's level, and the interval of the gain."""
    metric, pair = facts["metric"]["name"], facts["comparison"][f"{arm}_vs_baseline"]
    was, now = (
        loss(metric, facts["arms"][name]["test"][metric]["mean"]) for name in ("baseline", arm)
    )
    low, high = gain_interval(facts, pair) or (0.0, 0.0)
    # As many decimals as the width of the interval is worth, and none of its ends a false zero.
    ends = (end for end in (low, high) if abs(end) > (high - low) / 100)
    decimals = _decimals(metric, was, now, *ends, (high - low) / 2)
    if pair["verdict"] == "worse":
        low, high = -high, -low
    points = " points" if metric == "accuracy" else ""
    interval = f"{number(low, decimals)} to {number(high, decimals)}{points}"
    levels = _write(metric, was, decimals), _write(metric, now, decimals)
    return f"test {loss_title(metric)}", levels, interval


def gain_interval(facts: dict[str, Any], pair: dict[str, Any]) -> tuple[float, float] | None:
    """Return the interval of a gain in the units of a loss: accuracy in points of a per cent."""
    factor = 100 if facts["metric"]["name"] == "accuracy" else 1
    return pair["interval"] and (factor * pair["interval"][0], factor * pair["interval"][1])


def _loss(metric: str, score: float | None) -> float | None:
    return None if score is None else loss(metric, score)


def _decimals(metric: str, *values: float) -> int:
    least = 1 if metric == "accuracy" else 0
    most = 3 if metric == "accuracy" else 6
    smallest = decimals_for(*(value for value in values if abs(value) > 1e-9), least=least)
    return min(smallest + (metric != "accuracy"), most)


def _write(metric: str, level: float, decimals: int) -> str:
    return number(level, decimals) + loss_unit(metric)
