"""The limits on the cost of models, and the costs of the arms' models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.study.limits import LATENCY, PARAMETERS, breaks_limits, limits_of
from tuner.study.schema import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def limits_facts(
    attributes: Mapping[str, Any], arms: Mapping[str, FrozenTrial]
) -> dict[str, Any] | None:
    """Return the limits' entry in report.json; None if there are none.

    Args:
        attributes: user attributes of the study.
        arms: their trials, by name.
    """
    limits = limits_of(attributes)
    if not limits:
        return None
    return {
        "in_words": limits.in_words(),
        "limits": limits.facts(),
        "allowed": attributes.get(ALLOWED),
        "arms": {
            name: {
                PARAMETERS: trial.user_attrs.get(PARAMETERS),
                LATENCY: trial.user_attrs.get(LATENCY),
                "breaks": breaks_limits(trial),
            }
            for name, trial in arms.items()
        },
    }
