"""Actions on models: retrain, promote and roll back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.actions.changes import check_changes
from tuner.serve.actions.noting import noted, reference_of
from tuner.serve.orders.requests import retrain_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.serve.service import Service
    from tuner.serve.tables import Job, Promotion


def retrain(
    service: Service,
    who: str,
    name: str,
    arm: object,
    models: object = 1,
    only: Sequence[str] = (),
) -> Job:
    """Queue the retraining of an arm, which saves its model as a bundle.

    Args:
        who: the person who asks, for the audit log.
        name: of the study.
        models: number of models; more than one are saved as an ensemble.
        only: changes of the best: the model is the baseline with these alone, and is compared with
            the baseline on the test rows.

    Raises:
        UsageError: the study or the arm does not exist, there are too many models, something is
            not a change of the best, or another job has the study.
    """
    reference = reference_of(service, name)
    request = retrain_request(name, reference, arm, service.shelf, models, only)
    if only:
        check_changes(service, name, only)
    job = service.queue.submit(request, who)
    what = f"with only {', '.join(only)}" if only else f"the {arm}"
    return noted(service, who, f"retrain {what}", job)


def promote(
    service: Service, who: str, study: str, bundle: str, alias: object, reason: object
) -> Promotion:
    """Give an alias to a model.

    Raises:
        TunerError: see `Ledger.promote`.
    """
    done = service.ledger.promote(study, bundle, str(alias), who, str(reason or ""))
    service.acts.note(who, f"promote to {done.alias}", f"{study}/{bundle}")
    return done


def roll_back(service: Service, who: str, case: str, reason: object) -> Promotion:
    """Make the previous model of a case the current one again.

    Raises:
        TunerError: see `Ledger.roll_back`.
    """
    done = service.ledger.roll_back(case, who, str(reason or ""))
    service.acts.note(who, "roll back", f"{done.study}/{done.bundle}")
    return done
