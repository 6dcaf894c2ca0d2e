"""Which trials were guesses: configurations from textbooks, tried before the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import nphrase
from tuner.report.wording import arm_word, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def is_guess(facts: Facts, trial: int) -> bool:
    """Whether a trial is a guess; always false in studies of versions without guesses."""
    return any(one["trial"] == trial for one in facts.get("guesses") or ())


def best_is_guess(facts: Facts) -> bool:
    """Whether the best trial is a guess: nothing that the search has drawn is better."""
    best = facts["arms"].get("best")
    return best is not None and is_guess(facts, best["trial"])


def guesses_in_words(facts: Facts) -> str:
    """Return which trials were guesses, and whether one of them won; an empty string if none."""
    known = facts.get("guesses") or ()
    tried = [one["trial"] for one in known if one["state"] not in {"waiting", "running"}]
    if not tried:
        return ""
    numbers = listed([str(number) for number in tried])
    arms = {name: arm["trial"] for name, arm in facts["arms"].items()}
    if best_is_guess(facts):
        return nphrase(
            "Trial {numbers} was a guess, tried before the search: trial {best} won, ahead of all "
            "that the search found",
            "Trials {numbers} were guesses, tried before the search: trial {best} won, ahead of "
            "all that the search found",
            len(tried),
            numbers=numbers,
            best=arms["best"],
        )
    named = [name for name in ("baseline", "recipe") if arms.get(name) == arms.get("best")]
    if named:
        return nphrase(
            "Trial {numbers} was a guess, tried before the search: the {arm} is better",
            "Trials {numbers} were guesses, tried before the search: the {arm} is better",
            len(tried),
            numbers=numbers,
            arm=arm_word(named[0]),
        )
    return nphrase(
        "Trial {numbers} was a guess, tried before the search: the search found better",
        "Trials {numbers} were guesses, tried before the search: the search found better",
        len(tried),
        numbers=numbers,
    )
