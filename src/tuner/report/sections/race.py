"""How the best was found: the race of the best trials on fresh seeds and folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.metric import metric_named
from tuner.language import joined, phrase
from tuner.report.scored import metric_in
from tuner.report.sections.guesses import is_guess
from tuner.report.sections.loop import is_of_loop, new_trainings
from tuner.report.sections.scores import arms_in_columns, with_uncertainty
from tuner.report.wording import (
    BLANK,
    GUESS,
    arm_word,
    count,
    difference,
    listed,
    means_and_stds,
    table,
    title_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def race(facts: Facts) -> str:
    """Return the results of the race: a table of its participants, and how it was decided."""
    confirmation = facts["confirmation"]
    if not confirmation:
        return ""
    metric, entered = metric_in(facts), confirmation["candidates"]
    searched = means_and_stds(metric, [with_uncertainty(facts, one["search"]) for one in entered])
    fresh = means_and_stds(metric, [one["fresh"] for one in entered])
    known = [one["behind"] for one in entered if one["behind"]]
    ranked = _title_of_rank(facts)
    rows = []
    for one, search, again in zip(entered, searched, fresh, strict=True):
        won = one["trial"] == confirmation["winner"]
        mark = one["arm"] and arm_word(one["arm"])
        mark = mark or (GUESS if is_guess(facts, one["trial"]) else None)
        trial = str(one["trial"])
        name = phrase("{trial} ({mark})", trial=trial, mark=mark) if mark else trial
        behind = (
            BLANK
            if won or one["behind"] is None
            else difference(metric, one["behind"], max(known, default=0) / 100 or 1)
        )
        rows.append(
            [
                f"**{name}**" if won else name,
                again if one["fresh"] else phrase("diverged"),
                search,
                str(one["rounds"]),
                *([_rank(one["rank"])] if ranked else []),
                behind,
            ]
        )
    header = [phrase("trial"), phrase("on {fresh}", fresh=new_trainings(facts))]
    header += [phrase("in the search"), phrase("rounds")]
    header += [title_in_words(ranked)] if ranked else []
    header += [phrase("behind by")]
    told = joined(_race_in_words(facts), _optimism(facts))
    begin = phrase("How the best was found:")
    return f"{begin}\n\n{table(header, rows)}\n\n{told}"


def _race_in_words(facts: Facts) -> str:
    confirmation = facts["confirmation"]
    rounds = {one["rounds"] for one in confirmation["candidates"]}
    searched = phrase("The best trials of the search")
    return joined(
        phrase(
            "{who} were trained again in rounds.",
            who=listed([searched, *_fixed(facts)]),
        ),
        phrase("Each round has a new seed, the same for all.")
        if is_of_loop(facts)
        else phrase("Each round has a new seed and a new fold, the same for all."),
        phrase("The weakest were dropped along the way.") if len(rounds) > 1 else "",
        phrase("*Behind by* compares a trial with the winner on the rounds that both were in."),
        _ranked_by(facts),
        _who_won(facts),
    )


def _ranked_by(facts: Facts) -> str:
    """Return how the candidates were ranked, if not by their scores on new folds alone."""
    if title := _title_of_rank(facts):
        return phrase(
            "They were ranked by the {surrogate} on the new folds (less is better). It also "
            "measures how sure a model was, so it tells more from the same rows. Their scores in "
            "the search did not count, because the best of many trials there are also the "
            "luckiest.",
            surrogate=title_in_words(title),
        )
    if not facts["confirmation"].get("with_search"):
        return ""
    return phrase(
        "They were ranked by the mean of their folds in the search and the new ones; the winner "
        "was compared with {arms} on new folds only.",
        arms=listed(_fixed(facts)),
    )


def _title_of_rank(facts: Facts) -> str | None:
    """Return the title of the score that ranked the candidates; None if it was the metric."""
    name = facts["confirmation"].get("ranked_by")
    return metric_named(name).title if name else None


def _rank(mean: float | None) -> str:
    return BLANK if mean is None else f"{mean:.3f}"


def _fixed(facts: Facts) -> list[str]:
    """Return the names of the arms that take part in every race."""
    names = [name for name in arms_in_columns(facts) if name != "best"]
    return [phrase("the {arm}", arm=arm_word(name)) for name in names]


def _who_won(facts: Facts) -> str:
    confirmation = facts["confirmation"]
    winner, fewest = confirmation["winner"], confirmation["fewest"]
    best = facts["arms"].get("best", {}).get("trial")
    if best != winner:
        return phrase(
            "Trial {winner} won. Trial {best} was found later and has not been in this comparison.",
            winner=winner,
            best=best,
        )
    n = next(one["rounds"] for one in confirmation["candidates"] if one["trial"] == best)
    if n <= fewest:
        return phrase("Trial {winner} won.", winner=winner)
    told = {"winner": winner, "rounds": count(n, "round"), "fewest": fewest}
    if n < confirmation["most"]:
        return phrase(
            "Trial {winner} won, after {rounds} instead of {fewest}, because its gain was not "
            "clear before.",
            **told,
        )
    return phrase(
        "Trial {winner} won, after {rounds} instead of {fewest}, because its gain never became "
        "clear.",
        **told,
    )


def _optimism(facts: Facts) -> str:
    """Return how much the search overestimated the best, estimated from its fresh scores.

    The fresh scores of a winner are optimistic too, because it won by them. Where trials differ by
    less than the noise of a fold, this hides half of the optimism of the search, and all of it in
    one study of four.
    """
    best, metric = facts["arms"].get("best"), metric_in(facts)
    if not best or best["optimism"] is None:
        return ""
    by = best["optimism"]
    begin = phrase(
        "Its {metric} on {fresh} is {score}.",
        metric=title_in_words(metric.title),
        fresh=new_trainings(facts),
        score=means_and_stds(metric, [best["fresh"]])[0],
    )
    if by > 0:
        told = phrase(
            "Its score in the search was {by} too optimistic, or more: the winner of a race was "
            "lucky in it, too.",
            by=difference(metric, by),
        )
    else:
        told = phrase(
            "Its score in the search was not better than that. It may be too optimistic all the "
            "same: the winner of a race was lucky in it, too, and the test rows may be harder."
        )
    return joined(begin, told)
