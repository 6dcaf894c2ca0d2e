"""The metrics of a study, by their names in the facts of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.metric import metric_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.metric import Metric


def metric_in(facts: Mapping[str, Any], name: str | None = None) -> Metric:
    """Return the metric of the search, or the further one with this name.

    Args:
        facts: of a report.
    """
    own = facts["metric"]
    told = {"task": facts.get("task"), "metric": name or own["name"]}
    return metric_of({**told, "direction": own["direction"]})
