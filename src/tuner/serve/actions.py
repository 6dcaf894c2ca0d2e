"""What people do to studies and models, by a page or by the API: checked, done, and noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.errors import UsageError
from tuner.serve.requests import LONGEST_LIST, check_try, retrain_request, study_request, whole
from tuner.serve.requests import MOST_TRIALS as MOST_TRIALS
from tuner.study.catalogue import Catalogue
from tuner.study.schema import FACTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.serve.service import Service
    from tuner.serve.tables import Job, Promotion

LONGEST_KEY = 200


def submit(service: Service, who: str, asked: Mapping[str, Any], key: str | None = None) -> Job:
    """Queue a new study, or one that the service has not run yet.

    Raises:
        UsageError: what is asked for cannot be run, or another job has that study.
    """
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise UsageError(f"the idempotency key takes 1 to {LONGEST_KEY} printable characters")
    request = study_request(asked, service.shelf)
    job = service.queue.submit(request, who, key)
    return _noted(service, who, "submit", job)


def steer(service: Service, who: str, name: str, act: str) -> Job:
    """Pause, resume or cancel a study.

    Raises:
        UsageError: there is no such act, the service has not run the study, or its state does not
            allow it.
    """
    acts = {
        "pause": service.queue.pause,
        "resume": service.queue.resume,
        "cancel": service.queue.cancel,
    }
    if act not in acts:
        raise UsageError(f"no act {act!r}; the acts are {', '.join(acts)}")
    return _noted(service, who, act, acts[act](job_of(service, name).id))


def change_total(service: Service, who: str, name: str, trials: object) -> Job:
    """Have a study end with another number of finished trials.

    Raises:
        UsageError: it is no such number, or the service has not run the study.
    """
    total = whole("trials", trials, 1, MOST_TRIALS)
    job = service.queue.change(job_of(service, name).id, trials=total)
    return _noted(service, who, f"change the total to {total}", job)


def add_try(service: Service, who: str, name: str, typed: object) -> Job:
    """Have a configuration trained as the next trial of a study.

    Raises:
        UsageError: the search space does not have it, or the service has not run the study.
    """
    job = job_of(service, name)
    text = check_try(service.shelf, job.case, typed)
    tries = [*dict.fromkeys([*job.options["tries"], text])]
    if len(tries) > LONGEST_LIST:
        raise UsageError(f"the study has {LONGEST_LIST} configurations of this kind already")
    return _noted(service, who, f"try {text}", service.queue.change(job.id, tries=tries))


def retrain(service: Service, who: str, name: str, arm: object) -> Job:
    """Queue the retraining of an arm, which makes a bundle.

    Raises:
        UsageError: there is no such study or arm, or another job has that study.
    """
    catalogue = Catalogue(service.storage)
    catalogue.check(name)
    case = str(catalogue.studies[name][FACTS]["case"])
    job = service.queue.submit(retrain_request(name, case, arm, service.shelf), who)
    return _noted(service, who, f"retrain the {arm}", job)


def promote(
    service: Service, who: str, study: str, bundle: str, alias: object, reason: object
) -> Promotion:
    """Have an alias mean a model.

    Raises:
        TunerError: as the ledger raises it.
    """
    done = service.ledger.promote(study, bundle, str(alias), who, str(reason or ""))
    service.acts.note(who, f"promote to {done.alias}", f"{study}/{bundle}")
    return done


def roll_back(service: Service, who: str, case: str, reason: object) -> Promotion:
    """Have the model be current again that was so before.

    Raises:
        TunerError: as the ledger raises it.
    """
    done = service.ledger.roll_back(case, who, str(reason or ""))
    service.acts.note(who, "roll back", f"{done.study}/{done.bundle}")
    return done


def job_of(service: Service, name: str) -> Job:
    """Return the job of a study.

    Raises:
        UsageError: there is no such study, or the service has not run it.
    """
    job = service.queue.of_study(name)
    if job is None:
        Catalogue(service.storage).check(name)
        raise UsageError(
            f"study {name!r} was run from a command line, not by this service; continue it there, "
            "or submit it here under its name with the same case, seed and fixed values"
        )
    return job


def _noted(service: Service, who: str, what: str, job: Job) -> Job:
    service.acts.note(who, what, job.study)
    service.browser.forget()
    return job
