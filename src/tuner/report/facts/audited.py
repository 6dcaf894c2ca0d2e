"""The cost of pruning, from the pruned trials that were trained to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tuner.evidence.trials.sampled import interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial


def audit_facts(
    stored: Mapping[str, Any] | None,
    trials: Sequence[FrozenTrial],
    candidates: Sequence[FrozenTrial],
    sign: Literal[1, -1],
) -> dict[str, Any] | None:
    """Return the audit's entry in report.json; None if no pruned trial was trained to its end.

    Args:
        trials: all trials of the study, ordered by number.
        candidates: of the search, the best first; pruned trials are compared with them.
        sign: 1 if a higher score is better, -1 if a lower one is.

    Returns:
        `audited` is the size of a random sample of the `pruned` trials. `best` lists those in it
        that would have beaten the best of the search, and `candidates` those that would have beaten
        the last of its candidates, best first. Each has a 95 % interval for the number of such
        trials among all pruned ones.
    """
    if not stored or not stored["trials"] or not candidates:
        return None
    audited: list[dict[str, Any]] = [
        {**one, "values": trials[one["trial"]].params} for one in stored["trials"]
    ]
    found: dict[str, Any] = {
        "pruned": stored["pruned"],
        "audited": len(audited),
        "candidates_of_search": len(candidates),
        "best_of_search": candidates[0].values[0],
        "trials": audited,
    }
    for name, one in (("best", candidates[0]), ("candidates", candidates[-1])):
        better = [
            trial
            for trial in audited
            if trial["score"] is not None and sign * (trial["score"] - one.values[0]) > 0
        ]
        better.sort(key=lambda trial: -sign * trial["score"])
        found[name] = {
            "trials": better,
            "interval": interval(len(better), len(audited), stored["pruned"]),
        }
    return found
