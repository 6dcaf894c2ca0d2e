"""Changes in the search space of a study, and whether Optuna can continue with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from optuna.distributions import check_distribution_compatibility, json_to_distribution

from tuner.study.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tuner.study.schema import StoredDistribution


def changes_in_space(
    was: Mapping[str, StoredDistribution], now: Mapping[str, StoredDistribution]
) -> Iterator[Change]:
    """Yield a change if ranges or names differ; a changed list of choices cannot be accepted."""
    differing = sorted(name for name in was.keys() | now if was.get(name) != now.get(name))
    if differing:
        there, here = (
            "; ".join(_range(name, one.get(name)) for name in differing) for one in (was, now)
        )
        said = f"its search space has changed in {', '.join(differing)}: {there}, now {here}"
        able = all(_compatible(was.get(name), now.get(name)) for name in differing)
        if not able:
            said += " (Optuna cannot add or remove choices of a hyperparameter within one study)"
        yield Change(what="search space", was=there, now=here, said=said, can_be_accepted=able)


def _range(name: str, stored: StoredDistribution | None) -> str:
    if stored is None:
        return f"no {name}"
    attributes = stored["attributes"]
    if "choices" in attributes:
        return f"{name} of {', '.join(map(str, attributes['choices']))}"
    step = attributes.get("step")
    extras = [f"in steps of {step}"] if step not in (None, 1) else []
    extras += ["logarithmic"] if attributes.get("log") else []
    return " ".join([f"{name} from {attributes['low']} to {attributes['high']}", *extras])


def _compatible(was: StoredDistribution | None, now: StoredDistribution | None) -> bool:
    """Whether Optuna accepts both as distributions of one hyperparameter in a study."""
    if was is None or now is None:
        return True
    try:
        check_distribution_compatibility(
            json_to_distribution(json.dumps(was)), json_to_distribution(json.dumps(now))
        )
    except ValueError:
        return False
    return True
