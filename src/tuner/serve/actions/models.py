"""Retrains, promotes and rolls back models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.actions.noting import facts_of, noted
from tuner.serve.orders.requests import retrain_request

if TYPE_CHECKING:
    from tuner.serve.service import Service
    from tuner.serve.tables import Job, Promotion


def retrain(service: Service, who: str, name: str, arm: object, models: object = 1) -> Job:
    """Queue the retraining of an arm, which makes a bundle.

    Args:
        models: number of models to keep as one, an ensemble.

    Raises:
        UsageError: there is no such study or arm, too many models are asked for, or another job has
            that study.
    """
    facts = facts_of(service, name)
    reference = str(facts.get("reference", facts["case"]))
    request = retrain_request(name, reference, arm, service.shelf, models)
    job = service.queue.submit(request, who)
    return noted(service, who, f"retrain the {arm}", job)


def promote(
    service: Service, who: str, study: str, bundle: str, alias: object, reason: object
) -> Promotion:
    """Make an alias name a model.

    Raises:
        TunerError: as the ledger raises it.
    """
    done = service.ledger.promote(study, bundle, str(alias), who, str(reason or ""))
    service.acts.note(who, f"promote to {done.alias}", f"{study}/{bundle}")
    return done


def roll_back(service: Service, who: str, case: str, reason: object) -> Promotion:
    """Make the previous current model of a case current again.

    Raises:
        TunerError: as the ledger raises it.
    """
    done = service.ledger.roll_back(case, who, str(reason or ""))
    service.acts.note(who, "roll back", f"{done.study}/{done.bundle}")
    return done
