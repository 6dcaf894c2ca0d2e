"""Actions on studies: submit, pause, resume, cancel, and change a running one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuner.errors import UsageError, unknown_name
from tuner.language import said
from tuner.serve.actions.noting import job_of, noted
from tuner.serve.finding import is_there
from tuner.serve.jobs.turns import PRIORITIES
from tuner.serve.orders.continuing import refuse_another_study
from tuner.serve.orders.requests import (
    KNOWN,
    LONGEST_LIST,
    MOST_TRIALS,
    check_try,
    study_request,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.serve.service import Service
    from tuner.serve.tables import Job
    from tuner.serve.tokens import Person

LONGEST_KEY = 200
NOT_TAKEN = {"accept_changes"}  # it concerned only the earlier study


def submit(service: Service, who: str, asked: Mapping[str, Any], key: str | None = None) -> Job:
    """Queue a new study, or one that the service has not run yet.

    Args:
        who: the person who submits it.
        asked: fields of the request.
        key: idempotency key: a second submission with it returns the first job.

    Raises:
        UsageError: the request is invalid, or another job or study has that name.
    """
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise UsageError(f"the idempotency key takes 1 to {LONGEST_KEY} printable characters")
    request = study_request(_with_settings(service, asked), service.shelf)
    refuse_another_study(service.storage, service.shelf, request)
    job = service.queue.submit(request, who, key)
    return noted(service, who, "submit", job)


def _with_settings(service: Service, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request, completed with the settings of the study that it names.

    Raises:
        UsageError: the service has not run that study, or the new one has no name of its own.
    """
    given = {name: value for name, value in asked.items() if name != "settings_of"}
    earlier = asked.get("settings_of")
    if earlier is None:
        if "case" not in given:
            raise UsageError("the body has no 'case'; name one, or an earlier study: settings_of")
        return given
    job = job_of(service, earlier)
    if given.get("name") in (None, "", job.study):
        raise UsageError(
            f"a study with the settings of {job.study!r} takes a name of its own; give it one"
        )
    kept = {name: value for name, value in job.options.items() if name in KNOWN - NOT_TAKEN}
    return {"case": job.case, **kept, **given}


def steer(service: Service, who: str, name: str, act: str) -> Job:
    """Pause, resume or cancel a study, or the retraining that is running in it.

    Raises:
        UsageError: there is no such act, the service has not run the study, or its state does not
            allow the act.
    """
    acts = {
        "pause": service.queue.pause,
        "resume": service.queue.resume,
        "cancel": service.queue.cancel,
    }
    if act not in acts:
        raise UsageError(said("no act {act!r}; the acts are {acts}", act=act, acts=", ".join(acts)))
    job = service.queue.at_hand(name) or job_of(service, name)
    return noted(service, who, act, acts[act](job.id))


def change_total(service: Service, who: str, name: str, trials: object) -> Job:
    """Change the number of finished trials that a study ends with.

    Raises:
        UsageError: the number is invalid, or the service has not run the study.
    """
    total = whole("trials", trials, 1, MOST_TRIALS)
    job = service.queue.change(job_of(service, name).id, lambda _: {"trials": total})
    return noted(service, who, f"change the total to {total}", job)


def add_try(service: Service, who: str, name: str, typed: object) -> Job:
    """Queue a configuration to be trained as the next trial of a study.

    Raises:
        UsageError: it is not in the search space, or the service has not run the study.
    """
    job = job_of(service, name)
    text = check_try(service.shelf, job.case, typed)

    def added(options: Mapping[str, Any]) -> dict[str, list[str]]:
        tries = [*dict.fromkeys([*options["tries"], text])]
        if len(tries) > LONGEST_LIST:
            raise UsageError(
                said(
                    "the study has {longest_list} configurations of this kind already",
                    longest_list=LONGEST_LIST,
                )
            )
        return {"tries": tries}

    return noted(service, who, f"try {text}", service.queue.change(job.id, added))


def begin_child(
    service: Service, who: str, name: str, child: str, fix: Sequence[str], *, accept: bool = False
) -> Job:
    """Submit a new study with another search space, which takes over the finished trials that fit.

    The earlier study is cancelled if it is running; its finished work is kept.

    Args:
        child: name of the new study.
        fix: NAME=VALUE of hyperparameters that the new study does not search.
        accept: whether to take trials over if the code of the case has changed since.

    Raises:
        UsageError: a name or a value is invalid, or the service has not run the study.
    """
    job = job_of(service, name)
    if child == name or is_there(service.storage, child):
        raise UsageError(
            said(
                "there is already a study {child!r}; choose another name for the new one",
                child=child,
            )
        )
    taken_over = KNOWN - NOT_TAKEN - {"fix", "tries"}
    kept = {key: value for key, value in job.options.items() if key in taken_over}
    asked = {**kept, "case": job.case, "name": child, "fix": list(fix)}
    request = study_request(asked, service.shelf)
    options = {**request.options, "parent": name, **({"accept_changes": True} if accept else {})}
    begun = service.queue.submit(
        replace(request, options=options), who, priority=job.priority, instead_of=job.id
    )
    return noted(service, who, f"begin with the trials of {name}", begun)


def prioritise(service: Service, person: Person, name: str, priority: object) -> Job:
    """Set the priority of a study: it starts before those with a lower one.

    Raises:
        UsageError: there is no such priority, only admins may set it, or the study has ended.
    """
    if priority not in PRIORITIES:
        raise unknown_name("priority", "priorities", str(priority), PRIORITIES)
    if priority == "high" and not person.may("admin"):
        raise UsageError(said("only an admin can set the priority high; ask one, or choose normal"))
    job = service.queue.prioritise(job_of(service, name).id, PRIORITIES[str(priority)])
    return noted(service, person.name, f"priority {priority}", job)
