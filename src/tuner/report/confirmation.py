"""How sure the results are: sections of report.md on the arms compared, and on the race."""

from __future__ import annotations

from typing import Any

from tuner.evidence.verdicts import PAIRS
from tuner.report.verdict import gain_interval
from tuner.report.wording import BLANK, count, decimals_for, mean_and_std, number, table, title


def certainty_section(facts: dict[str, Any]) -> str:
    """Every pair of arms, compared on the seeds they share."""
    rows = []
    for arm, other in PAIRS:
        pair = facts["comparison"][f"{arm}_vs_{other}"]
        if pair is None or pair["same_trial"]:
            continue
        interval = gain_interval(facts, pair)
        factor, unit = (100, " points") if facts["metric"]["name"] == "accuracy" else (1, "")
        gain = factor * pair["gain"]
        spread = (interval[1] - interval[0]) / 2 if interval else gain
        decimals = decimals_for(spread, least=1) + (facts["task"] == "regression")
        between = " to ".join(number(end, decimals) for end in interval) if interval else BLANK
        wording = (
            f"**{pair['verdict']}**" if pair["verdict"] != "no proven gain" else "no proven gain"
        )
        rows.append(
            [
                f"{arm} against {other}",
                wording,
                number(gain, decimals) + unit,
                between,
                f"{pair['probability_of_improvement']:.0%}",
                f"{pair['p_value']:.2g}",
            ]
        )
    if not rows:
        return ""
    header = ["", "", f"gain in test {title(facts['metric']['name'])}", "95 % interval"]
    header += ["improved", "p"]
    pair = facts["comparison"]["best_vs_baseline"] or next(
        one for one in facts["comparison"].values() if one
    )
    words = _of_rows(pair) if pair.get("covers") == "rows" else _of_seeds(facts)
    return f"## How sure is it?\n\n{table(header, rows, left=2)}\n\n{words}"


def _of_rows(pair: dict[str, Any]) -> str:
    """Say what an interval covers that seeds and test rows were resampled for."""
    lines = [
        "Above zero is an improvement. *Improved* is the share of pairs of models, one of each "
        "arm, in which the new one did better; ties count half. The interval and p cover new test "
        "rows and new trainings: a gain is proven when the interval excludes zero."
    ]
    if pair["share_of_rows"] is not None:
        lines.append(
            f"Of the uncertainty, {pair['share_of_rows']:.0%} comes from the choice of the "
            f"{count(pair['rows'], 'test row')} and {pair['share_of_seeds']:.0%} from the "
            f"randomness of {count(pair['n'], 'training')} per arm."
        )
    if pair["certainty"]:
        lines.append(pair["certainty"])
    if pair["looks"] > 1:
        lines.append(
            f"These test rows have been looked at {pair['looks']} times in this database, so the "
            f"intervals are widened: each is at {pair['confidence']:.1%}."
        )
    if pair["used_up"]:
        lines.append(
            f"**This test set is used up** after {count(pair['most_looks'], 'look')}: find new "
            "test rows before you trust another verdict."
        )
    return "\n\n".join(lines)


def _of_seeds(facts: dict[str, Any]) -> str:
    """Say what an interval covers that seeds alone were resampled for, in studies made before."""
    n = len(facts["confirmation"]["seeds"])
    return (
        f"Paired by seed ({count(n, 'seed')}); above zero is an improvement. *Improved* is the "
        "share of pairs of models, one of each arm, in which the new one did better; ties count "
        "half. The interval is a bootstrap over seeds, which with few of them is somewhat too "
        "narrow; p is of a two-sided sign-flip test. This covers the randomness of training, not "
        f"the choice of the {facts['data']['sizes']['test']:,} test rows: this study kept no "
        "predictions of single rows."
    )


def candidates_section(facts: dict[str, Any]) -> str:
    """Show how the best of the search did on fresh seeds and folds, and what they had promised."""
    confirmation = facts["confirmation"]
    if not confirmation:
        return ""
    metric = facts["metric"]["name"]
    rows = []
    for one in confirmation["candidates"]:
        won = one["trial"] == confirmation["winner"]
        name = f"{one['trial']} ({one['arm']})" if one["arm"] else str(one["trial"])
        name = f"**{name}**" if won else name
        fresh = mean_and_std(metric, one["fresh"]) if one["fresh"] else "diverged"
        behind = BLANK if won or one["behind"] is None else _by(facts, one["behind"])
        searched = mean_and_std(metric, one["search"])
        rows.append([name, searched, fresh, str(one["rounds"]), behind])
    header = ["trial", "in the search", "on fresh seeds and folds", "rounds", "behind by"]
    return (
        f"## Which is best?\n\n{table(header, rows)}\n\n"
        f"{_race_in_words(facts)} {_optimism(facts)}".rstrip()
    )


def _race_in_words(facts: dict[str, Any]) -> str:
    confirmation = facts["confirmation"]
    text = (
        "The best of the search, baseline and recipe were trained again in rounds, each with a "
        "seed and a fold that are new, and the same for all; of the best of the search the worst "
        "was dropped on the way (*behind by*: than the winner, on the rounds it was in). "
        f"Trial {confirmation['winner']} won"
    )
    best = facts["arms"].get("best", {}).get("trial")
    if best != confirmation["winner"]:
        return f"{text}; trial {best}, found since, has not been in the race."
    n, fewest = len(confirmation["seeds"]), confirmation["fewest"]
    if n > fewest:
        why = "its gain was not plain before" if n < confirmation["most"] else "it never was plain"
        return f"{text}, after {count(n, 'round')} instead of {fewest}, because {why}."
    return f"{text}."


def _optimism(facts: dict[str, Any]) -> str:
    """Say how much of what the search promised for the best has come true."""
    best = facts["arms"].get("best")
    if not best or best["optimism"] is None:
        return ""
    by = best["optimism"]
    if by <= 0:
        return f"The search had not promised too much: it is {_by(facts, -by)} better."
    return f"The search had promised {_by(facts, by)} too much for it."


def _by(facts: dict[str, Any], difference: float) -> str:
    """Write a difference of validation scores."""
    factor, unit = (100, " points") if facts["metric"]["name"] == "accuracy" else (1, "")
    decimals = decimals_for(factor * difference, least=1) + (facts["task"] == "regression")
    return number(factor * difference, decimals) + unit
