"""Actions on the changes of a study's best: measure which one made the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.actions.noting import noted, reference_of
from tuner.serve.finding import catalogue_of
from tuner.serve.orders.requests import ROUNDS, ablation_request
from tuner.serve.words import word
from tuner.study.arms import arms_of, why_no_changes
from tuner.study.schema import HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.serve.service import Service
    from tuner.serve.tables import Job


def ablate(
    service: Service, who: str, name: str, seeds: object = ROUNDS, budget: object = None
) -> Job:
    """Queue the measurement of which change made the difference.

    Args:
        seeds: number of rounds, each with its own seed and fold.
        budget: seconds after which no new training starts; None: until all is measured.

    Raises:
        UsageError: the study does not exist, its best has no changes, a number is invalid, or
            another job has the study.
    """
    reference = reference_of(service, name)
    changes_of(service, name)
    request = ablation_request(name, reference, service.shelf, seeds, budget)
    return noted(service, who, "ablate", service.queue.submit(request, who))


def changes_of(service: Service, name: str) -> list[str]:
    """Return the hyperparameters in which the best of a study differs from its baseline.

    Raises:
        UsageError: there are none.
    """
    arms = arms_of(catalogue_of(service.storage, name).load(name))
    if why := why_no_changes(arms):
        raise UsageError(
            said("study {name!r} has no change to measure: {why}", name=name, why=word(why))
        )
    best, baseline = (arms[arm].user_attrs[HYPERPARAMETERS] for arm in ("best", "baseline"))
    return [one for one, value in best.items() if baseline.get(one) != value]


def check_changes(service: Service, name: str, only: Sequence[str]) -> None:
    """Refuse what is not a change of the best.

    Raises:
        UsageError: one is not a change, or there are none.
    """
    changes = changes_of(service, name)
    for one in only:
        if one not in changes:
            raise UsageError(
                said(
                    "{one!r} is not a change of the best; it changes {changes}",
                    one=one,
                    changes=", ".join(changes),
                )
            )
