"""What a model could cost at most, and what those of the arms cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.study.limits import LATENCY, PARAMETERS, Limits, breaks_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def limits_facts(made: Mapping[str, Any], arms: Mapping[str, FrozenTrial]) -> dict[str, Any] | None:
    """Return the limits' entry in report.json; None where there are none."""
    limits = Limits.of(made)
    if not limits:
        return None
    return {
        "in_words": limits.in_words(),
        "limits": limits.facts(),
        "arms": {
            name: {
                PARAMETERS: trial.user_attrs.get(PARAMETERS),
                LATENCY: trial.user_attrs.get(LATENCY),
                "breaks": breaks_limits(trial),
            }
            for name, trial in arms.items()
        },
    }
