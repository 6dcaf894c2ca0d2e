"""Which trials were guesses: configurations from what textbooks know, tried before the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.wording import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def is_guess(facts: Facts, trial: int) -> bool:
    """Whether a trial of a study is a guess. A study made before there were any has none."""
    return any(one["trial"] == trial for one in facts.get("guesses") or ())


def best_is_guess(facts: Facts) -> bool:
    """Whether nothing that the search has drawn is better than a guess."""
    best = facts["arms"].get("best")
    return best is not None and is_guess(facts, best["trial"])


def guesses_in_words(facts: Facts) -> str:
    """Say which trials were guesses, and whether one of them won; empty where there are none."""
    known = facts.get("guesses") or ()
    tried = [one["trial"] for one in known if one["state"] not in {"waiting", "running"}]
    if not tried:
        return ""
    several = len(tried) > 1
    text = (
        f"{'Trials' if several else 'Trial'} {listed([str(number) for number in tried])} "
        f"{'were guesses' if several else 'was a guess'}, tried before the search: "
    )
    arms = {name: arm["trial"] for name, arm in facts["arms"].items()}
    if best_is_guess(facts):
        return f"{text}trial {arms['best']} won, ahead of all that the search found"
    named = [name for name in ("baseline", "recipe") if arms.get(name) == arms.get("best")]
    return f"{text}{f'the {named[0]} is' if named else 'the search found'} better"


def what_a_trial_is(facts: Facts, trial: int) -> str:
    """Return ", a guess," for a trial that is one, and nothing for others."""
    return ", a guess," if is_guess(facts, trial) else ""
