"""What should I use? The arms with all their scores, their settings, and how the best was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.scored import metric_in
from tuner.report.sections.choice import reason
from tuner.report.sections.guesses import is_guess
from tuner.report.sections.limits import notes_on_limits, rows_of_limits
from tuner.report.sections.loop import has_test, is_of_loop, new_trainings
from tuner.report.sections.units import in_target_units
from tuner.report.wording import (
    BLANK,
    code,
    count,
    difference,
    listed,
    means_and_stds,
    setting,
    table,
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
            "## What should I use?",
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
        ["trial", *(str(arm["trial"]) for arm in arms.values())],
        ["reports" if loop else "epochs", *(_epochs(arm) for arm in arms.values())],
    ]
    if rounds:
        fresh = means_and_stds(metric, [arm["fresh"] for arm in arms.values()])
        rows.append([f"fresh validation ({count(rounds, 'seed')})", *fresh])
    searched = means_and_stds(
        metric, [with_uncertainty(facts, arm["validation"]) for arm in arms.values()]
    )
    where = "" if loop else f" ({folds_of_search(facts)})"
    rows.append([f"validation {metric.title}{where}", *searched])
    for name, seeds in tested.items():
        one = metric_in(facts, name)
        scores = means_and_stds(one, [arm["test"].get(name) for arm in arms.values()])
        what = "test" if has_test(facts) else "final"
        rows.append([f"{what} {one.title} ({count(seeds, 'seed')})", *scores])
    rows += rows_of_limits(facts, list(arms))
    header = ["", *(f"**{name}**" for name in arms)]
    return table(header, rows) + "\n\n" + _notes(facts, fresh=bool(rounds), tested=bool(tested))


def _notes(facts: Facts, *, fresh: bool, tested: bool) -> str:
    if is_of_loop(facts):
        return _notes_on_loop(facts, tested=tested)
    unit = ", in standardised units of the target" if facts["task"] == "regression" else ""
    notes = [
        f"- Scores are mean ± standard deviation{unit}.",
        "- *Epochs*: how many were kept, of how many were planned.",
    ]
    if fresh:
        notes.append(
            "- *Fresh validation*: scores of new trainings, on seeds and folds that the search did "
            "not use."
        )
    notes.append(
        f"- *Validation*: the mean over the last tenth of the training{_rests_on(facts)}. These "
        "scores picked the best, so **they are optimistic**."
    )
    if tested:
        notes.append(
            f"- *Test*: scores of models trained on {_rows_for_test(facts)}, as many seeds for "
            "each arm."
        )
    notes += notes_on_limits(facts)
    if told := in_target_units(facts):
        notes.append(f"- {told}")
    return "\n".join(notes)


def _rests_on(facts: Facts) -> str:
    """Say what a score of the search rests on, where it is not all folds."""
    shown = facts["arms"][next(iter(facts["arms"]))]["validation"]
    if not _is_of_few_folds(facts) or shown.get("standard_error") is None:
        return ""
    return f" on {folds_of_search(facts)}, {shown['rows']:,} rows, ± its standard error"


def _is_of_few_folds(facts: Facts) -> bool:
    """Whether a score of the search is of so few folds that they show no spread."""
    folds = facts["data"]["sizes"].get("folds", 1)
    return not is_of_loop(facts) and (folds == 1 or folds > facts.get("folds_in_search", folds))


def folds_of_search(facts: Facts) -> str:
    """Write on how many folds the scores of the search are: 2 of 5 folds."""
    folds = facts["data"]["sizes"].get("folds", 1)
    searched = facts.get("folds_in_search", folds)
    return count(folds, "fold") if searched == folds else f"{searched} of {count(folds, 'fold')}"


def with_uncertainty(facts: Facts, of_search: Facts) -> Facts:
    """Return a score of the search with what it is written ±: how uncertain it is.

    That is the standard deviation over all folds; where few were trained, the standard error that
    the rows held out bring: two folds tell next to nothing of a spread, and one nothing.
    """
    few = _is_of_few_folds(facts)
    return {**of_search, "std": of_search.get("standard_error")} if few else of_search


def _notes_on_loop(facts: Facts, *, tested: bool) -> str:
    notes = [
        "- Scores are mean ± standard deviation, as the loop gives them.",
        "- *Reports*: how many scores the loop has reported on the way.",
        "- *Validation*: what the call of the search came to. These scores picked the best, so "
        "**they are optimistic**.",
    ]
    if tested:
        rows = "on the loop's test rows" if has_test(facts) else "on the loop's validation rows"
        notes.append(
            "- *Fresh validation*: calls on seeds that the search did not use. They picked the "
            f"winner.\n- *{'Test' if has_test(facts) else 'Final'}*: calls on further seeds, "
            f"whose scores picked nothing, {rows}."
        )
    return "\n".join(notes)


def _rows_for_test(facts: Facts) -> str:
    whole: int = facts["data"]["sizes"]["development"]
    some: int = facts["confirmation"]["trained_on"] or whole
    if some == whole:
        return f"all {whole:,} development rows"
    return f"{some:,} of {whole:,} development rows, the same as for the fresh validation"


def _epochs(arm: Facts) -> str:
    planned = arm["hyperparameters"].get("epochs")
    return setting(BLANK if arm["best_epoch"] is None else arm["best_epoch"]) + (
        f" of {planned}" if planned else ""
    )


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
        return "All arms have the same hyperparameters." if names else ""
    rows = [
        [code(name), *(_marked(value, values[name][0]) for value in values[name])]
        for name in differing
    ]
    parts = [
        "All hyperparameters that differ (in bold: not the baseline's value):",
        table(["hyperparameter", *arms], rows),
    ]
    if equal:
        parts.append(f"The others are the same for all: {', '.join(equal)}.")
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
        mark = one["arm"] or ("guess" if is_guess(facts, one["trial"]) else None)
        name = f"{one['trial']} ({mark})" if mark else str(one["trial"])
        behind = (
            BLANK
            if won or one["behind"] is None
            else difference(metric, one["behind"], max(known, default=0) / 100 or 1)
        )
        rows.append(
            [
                f"**{name}**" if won else name,
                again if one["fresh"] else "diverged",
                search,
                str(one["rounds"]),
                behind,
            ]
        )
    header = ["trial", f"on {new_trainings(facts)}", "in the search", "rounds", "behind by"]
    return f"How the best was found:\n\n{table(header, rows)}\n\n" + (
        f"{_race_in_words(facts)} {_optimism(facts)}".rstrip()
    )


def _race_in_words(facts: Facts) -> str:
    confirmation = facts["confirmation"]
    fold = "" if is_of_loop(facts) else " and a new fold"
    who = listed(["The best trials of the search", *(f"the {name}" for name in _fixed(facts))])
    rounds = {one["rounds"] for one in confirmation["candidates"]}
    dropped = "The weakest were dropped along the way. " if len(rounds) > 1 else ""
    text = (
        f"{who} were trained again in rounds. Each round has a new seed{fold}, the same for all. "
        f"{dropped}*Behind by* compares a trial with the winner on the rounds that both were in. "
        f"{_ranked_by(facts)}"
        f"Trial {confirmation['winner']} won"
    )
    best = facts["arms"].get("best", {}).get("trial")
    if best != confirmation["winner"]:
        return f"{text}. Trial {best} was found later and has not been in this comparison."
    fewest = confirmation["fewest"]
    n = next(one["rounds"] for one in confirmation["candidates"] if one["trial"] == best)
    if n > fewest:
        why = "was not clear before" if n < confirmation["most"] else "never became clear"
        return f"{text}, after {count(n, 'round')} instead of {fewest}, because its gain {why}."
    return f"{text}."


def _ranked_by(facts: Facts) -> str:
    """Say by what the candidates were ranked, where that is not the new folds alone."""
    if not facts["confirmation"].get("with_search"):
        return ""
    return (
        "They were ranked by the mean of their folds in the search and the new ones; the winner "
        f"was compared with {listed([f'the {name}' for name in _fixed(facts)])} on new folds "
        "alone. "
    )


def _fixed(facts: Facts) -> list[str]:
    return [name for name in COLUMNS if name != "best" and name in facts["arms"]]


def _optimism(facts: Facts) -> str:
    """Say by how much the search overestimated the best."""
    best, metric = facts["arms"].get("best"), metric_in(facts)
    if not best or best["optimism"] is None:
        return ""
    by = best["optimism"]
    fresh = means_and_stds(metric, [best["fresh"]])[0]
    begin = f"Its {metric.title} on {new_trainings(facts)} is {fresh}. Its score in the search was"
    return (
        f"{begin} {difference(metric, by)} too optimistic."
        if by > 0
        else f"{begin} not better than that, so it was not too optimistic, as far as these fresh "
        "trainings can tell. The test rows may still be harder."
    )
