"""What should I use? The arms with all their scores, their settings, and how the best was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, phrase
from tuner.report.scored import metric_in
from tuner.report.sections.choice import reason
from tuner.report.sections.guesses import is_guess
from tuner.report.sections.limits import notes_on_limits, rows_of_limits
from tuner.report.sections.loop import has_test, is_of_loop, new_trainings
from tuner.report.sections.units import in_target_units
from tuner.report.wording import (
    BLANK,
    GUESS,
    arm_word,
    code,
    count,
    difference,
    in_a_row,
    listed,
    means_and_stds,
    setting,
    table,
    title_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

COLUMNS = ("baseline", "best", "recipe")  # the best is on a narrow screen, too


def use_section(facts: Facts) -> str:
    """Return the section; empty without a complete trial."""
    if not facts["arms"]:
        return ""
    return "\n\n".join(
        part
        for part in (
            phrase("## What should I use?"),
            reason(facts),
            _scores(facts),
            _settings(facts),
            _race(facts),
        )
        if part
    )


def _scores(facts: Facts) -> str:
    """Show each arm's scores, a row a kind of score."""
    metric, loop = metric_in(facts), is_of_loop(facts)
    arms = {name: facts["arms"][name] for name in COLUMNS if name in facts["arms"]}
    rounds = max((arm["fresh"]["n"] for arm in arms.values() if arm["fresh"]), default=0)
    tested = {name: one["n"] for arm in arms.values() for name, one in arm["test"].items()}
    rows = [
        [phrase("trial"), *(str(arm["trial"]) for arm in arms.values())],
        [phrase("reports") if loop else phrase("epochs"), *(_epochs(arm) for arm in arms.values())],
    ]
    if rounds:
        fresh = means_and_stds(metric, [arm["fresh"] for arm in arms.values()])
        rows.append([phrase("fresh validation ({seeds})", seeds=count(rounds, "seed")), *fresh])
    searched = means_and_stds(
        metric, [with_uncertainty(facts, arm["validation"]) for arm in arms.values()]
    )
    title = title_in_words(metric.title)
    what = (
        phrase("validation {metric}", metric=title)
        if loop
        else phrase("validation {metric} ({folds})", metric=title, folds=folds_of_search(facts))
    )
    rows.append([what, *searched])
    for name, seeds in tested.items():
        one = metric_in(facts, name)
        scores = means_and_stds(one, [arm["test"].get(name) for arm in arms.values()])
        told = {"metric": title_in_words(one.title), "seeds": count(seeds, "seed")}
        what = (
            phrase("test {metric} ({seeds})", **told)
            if has_test(facts)
            else phrase("final {metric} ({seeds})", **told)
        )
        rows.append([what, *scores])
    rows += rows_of_limits(facts, list(arms))
    header = ["", *(f"**{arm_word(name)}**" for name in arms)]
    return table(header, rows) + "\n\n" + _notes(facts, fresh=bool(rounds), tested=bool(tested))


def _notes(facts: Facts, *, fresh: bool, tested: bool) -> str:
    if is_of_loop(facts):
        return _notes_on_loop(facts, tested=tested)
    notes = [
        phrase("- Scores are mean ± standard deviation, in standardised units of the target.")
        if facts["task"] == "regression"
        else phrase("- Scores are mean ± standard deviation."),
        phrase("- *Epochs*: how many were kept, of how many were planned."),
    ]
    if fresh:
        notes.append(
            phrase(
                "- *Fresh validation*: scores of new trainings, on seeds and folds that the search "
                "did not use."
            )
        )
    notes.append(_of_validation(facts))
    if tested:
        notes.append(
            phrase(
                "- *Test*: scores of models trained on {rows}, as many seeds for each arm.",
                rows=_rows_for_test(facts),
            )
        )
    notes += notes_on_limits(facts)
    if told := in_target_units(facts):
        notes.append(f"- {told}")
    return "\n".join(notes)


def _of_validation(facts: Facts) -> str:
    """Say what a score of the search is, and what it rests on, where it is not all folds."""
    shown = facts["arms"][next(iter(facts["arms"]))]["validation"]
    if not _is_of_few_folds(facts) or shown.get("standard_error") is None:
        return phrase(
            "- *Validation*: the mean over the last tenth of the training. These scores picked the "
            "best, so **they are optimistic**."
        )
    return phrase(
        "- *Validation*: the mean over the last tenth of the training on {folds}, {rows:,} rows, ± "
        "its standard error. These scores picked the best, so **they are optimistic**.",
        folds=folds_of_search(facts),
        rows=shown["rows"],
    )


def _is_of_few_folds(facts: Facts) -> bool:
    """Whether a score of the search is of so few folds that they show no spread."""
    folds = facts["data"]["sizes"].get("folds", 1)
    return not is_of_loop(facts) and (folds == 1 or folds > facts.get("folds_in_search", folds))


def folds_of_search(facts: Facts) -> str:
    """Write on how many folds the scores of the search are: 2 of 5 folds."""
    folds = facts["data"]["sizes"].get("folds", 1)
    searched = facts.get("folds_in_search", folds)
    every = count(folds, "fold")
    if searched == folds:
        return every
    return phrase("{some} of {all}", some=searched, all=every)


def with_uncertainty(facts: Facts, of_search: Facts) -> Facts:
    """Return a score of the search with what it is written ±: how uncertain it is.

    That is the standard deviation over all folds; where few were trained, the standard error that
    the rows held out bring: two folds tell next to nothing of a spread, and one nothing.
    """
    few = _is_of_few_folds(facts)
    return {**of_search, "std": of_search.get("standard_error")} if few else of_search


def _notes_on_loop(facts: Facts, *, tested: bool) -> str:
    notes = [
        phrase("- Scores are mean ± standard deviation, as the loop gives them."),
        phrase("- *Reports*: how many scores the loop has reported on the way."),
        phrase(
            "- *Validation*: what the call of the search came to. These scores picked the best, so "
            "**they are optimistic**."
        ),
    ]
    if tested:
        notes.append(
            phrase(
                "- *Fresh validation*: calls on seeds that the search did not use. They picked the "
                "winner."
            )
        )
        notes.append(
            phrase(
                "- *Test*: calls on further seeds, whose scores picked nothing, on the loop's test "
                "rows."
            )
            if has_test(facts)
            else phrase(
                "- *Final*: calls on further seeds, whose scores picked nothing, on the loop's "
                "validation rows."
            )
        )
    return "\n".join(notes)


def _rows_for_test(facts: Facts) -> str:
    whole: int = facts["data"]["sizes"]["development"]
    some: int = facts["confirmation"]["trained_on"] or whole
    if some == whole:
        return phrase("all {whole:,} development rows", whole=whole)
    return phrase(
        "{some:,} of {whole:,} development rows, the same as for the fresh validation",
        some=some,
        whole=whole,
    )


def _epochs(arm: Facts) -> str:
    planned = arm["hyperparameters"].get("epochs")
    kept = setting(BLANK if arm["best_epoch"] is None else arm["best_epoch"])
    return phrase("{some} of {all}", some=kept, all=planned) if planned else kept


def _settings(facts: Facts) -> str:
    """Show what the arms set differently, and what they have in common."""
    arms = {
        name: facts["arms"][name]["hyperparameters"] for name in COLUMNS if name in facts["arms"]
    }
    names = list(dict.fromkeys(name for values in arms.values() for name in values))
    values = {name: [setting(arm.get(name, BLANK)) for arm in arms.values()] for name in names}
    differing = [name for name in names if len(set(values[name])) > 1]
    equal = [f"{code(name)} {values[name][0]}" for name in names if name not in differing]
    if not differing:
        return phrase("All arms have the same hyperparameters.") if names else ""
    rows = [
        [code(name), *(_marked(value, values[name][0]) for value in values[name])]
        for name in differing
    ]
    parts = [
        phrase("All hyperparameters that differ (in bold: not the baseline's value):"),
        table([phrase("hyperparameter"), *map(arm_word, arms)], rows),
    ]
    if equal:
        parts.append(phrase("The others are the same for all: {equal}.", equal=in_a_row(equal)))
    return "\n\n".join(parts)


def _marked(value: str, baseline: str) -> str:
    return value if value == baseline else f"**{value}**"


def _race(facts: Facts) -> str:
    """Show how the best of the search did on fresh seeds and folds."""
    confirmation = facts["confirmation"]
    if not confirmation:
        return ""
    metric, entered = metric_in(facts), confirmation["candidates"]
    searched = means_and_stds(metric, [with_uncertainty(facts, one["search"]) for one in entered])
    fresh = means_and_stds(metric, [one["fresh"] for one in entered])
    known = [one["behind"] for one in entered if one["behind"]]
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
                behind,
            ]
        )
    header = [phrase("trial"), phrase("on {fresh}", fresh=new_trainings(facts))]
    header += [phrase("in the search"), phrase("rounds"), phrase("behind by")]
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


def _ranked_by(facts: Facts) -> str:
    """Say by what the candidates were ranked, where that is not the new folds alone."""
    if not facts["confirmation"].get("with_search"):
        return ""
    return phrase(
        "They were ranked by the mean of their folds in the search and the new ones; the winner "
        "was compared with {arms} on new folds alone.",
        arms=listed(_fixed(facts)),
    )


def _fixed(facts: Facts) -> list[str]:
    """Name the arms that are in the race whatever the search has found."""
    names = [name for name in COLUMNS if name != "best" and name in facts["arms"]]
    return [phrase("the {arm}", arm=arm_word(name)) for name in names]


def _optimism(facts: Facts) -> str:
    """Say by how much the search overestimated the best."""
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
        told = phrase("Its score in the search was {by} too optimistic.", by=difference(metric, by))
    else:
        told = phrase(
            "Its score in the search was not better than that, so it was not too optimistic, as "
            "far as these fresh trainings can tell. The test rows may still be harder."
        )
    return joined(begin, told)
