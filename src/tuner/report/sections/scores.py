"""The table of scores: one row per kind of score, with notes on how each was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import phrase
from tuner.report.scored import metric_in
from tuner.report.sections.ensembles import note_on_ensembles, row_of_ensembles
from tuner.report.sections.limits import notes_on_limits, rows_of_limits
from tuner.report.sections.loop import has_test, is_of_loop
from tuner.report.sections.units import in_target_units
from tuner.report.wording import (
    BLANK,
    arm_word,
    count,
    means_and_stds,
    setting,
    table,
    title_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

COLUMNS = ("baseline", "best", "recipe")  # the best comes second, so that a narrow screen shows it


def arms_in_columns(facts: Facts) -> dict[str, Any]:
    """Return the arms in the order of the tables' columns."""
    return {name: facts["arms"][name] for name in COLUMNS if name in facts["arms"]}


def scores_table(facts: Facts) -> str:
    """Return a table of the arms' scores, one row per kind of score."""
    metric, loop = metric_in(facts), is_of_loop(facts)
    arms = arms_in_columns(facts)
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
    rows += row_of_ensembles(facts, arms)
    rows += rows_of_limits(facts, list(arms))
    header = ["", *(f"**{arm_word(name)}**" for name in arms)]
    return table(header, rows)


def notes_on_scores(facts: Facts) -> str:
    """Return an explanation of each row of the table."""
    arms = arms_in_columns(facts).values()
    fresh, tested = (any(arm[kind] for arm in arms) for kind in ("fresh", "test"))
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
    if told := note_on_ensembles(facts):
        notes.append(told)
    notes += notes_on_limits(facts)
    if told := in_target_units(facts):
        notes.append(f"- {told}")
    return "\n".join(notes)


def _of_validation(facts: Facts) -> str:
    """Return what a score of the search is, and on how many folds and rows if not on all."""
    shown = facts["arms"][next(iter(facts["arms"]))]["validation"]
    if not _is_of_few_folds(facts) or shown.get("standard_error") is None:
        return phrase(
            "- *Validation*: the mean over a tenth of the training, up to the epoch that was "
            "kept. These scores picked the best, so **they are optimistic**."
        )
    return phrase(
        "- *Validation*: the mean over a tenth of the training, up to the epoch that was kept, "
        "on {folds}, {rows:,} rows, ± its standard error. These scores picked the best, so "
        "**they are optimistic**.",
        folds=folds_of_search(facts),
        rows=shown["rows"],
    )


def _notes_on_loop(facts: Facts, *, tested: bool) -> str:
    notes = [
        phrase("- Scores are mean ± standard deviation, as the loop gives them."),
        phrase("- *Reports*: how many scores the loop reported during the training."),
        phrase(
            "- *Validation*: the score of the call in the search. These scores picked the best, "
            "so **they are optimistic**."
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
                "- *Test*: calls on further seeds, scored on the loop's test rows. Nothing was "
                "chosen by these scores."
            )
            if has_test(facts)
            else phrase(
                "- *Final*: calls on further seeds, scored on the loop's validation rows. "
                "Nothing was chosen by these scores."
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


def folds_of_search(facts: Facts) -> str:
    """Return how many folds the search trained, for example "2 of 5 folds"."""
    folds = facts["data"]["sizes"].get("folds", 1)
    searched = facts.get("folds_in_search", folds)
    every = count(folds, "fold")
    if searched == folds:
        return every
    return phrase("{some} of {all}", some=searched, all=every)


def with_uncertainty(facts: Facts, of_search: Facts) -> Facts:
    """Return a score of the search with its uncertainty as `std`.

    This is the standard deviation over all folds. If the search trained few folds, it is the
    standard error over the held-out rows instead, because one or two folds hardly show a spread.
    """
    few = _is_of_few_folds(facts)
    return {**of_search, "std": of_search.get("standard_error")} if few else of_search


def _is_of_few_folds(facts: Facts) -> bool:
    """Whether the search trained too few folds to show the spread between folds."""
    folds = facts["data"]["sizes"].get("folds", 1)
    return not is_of_loop(facts) and (folds == 1 or folds > facts.get("folds_in_search", folds))
