"""Checks, before it is queued, whether a request continues the existing study of its name.

The process of the study checks this too, but only after its job has replaced the earlier one: a
finished study would then be shown as failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.case.assignments import parse_assignments
from tuner.case.reference import door_of, is_loop, parts_of_loop
from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.finding import catalogue_of, is_there
from tuner.serve.words import word
from tuner.study.schema import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optuna.storages import RDBStorage

    from tuner.serve.orders.requests import Request
    from tuner.serve.shelf.cases import Shelf


def refuse_another_study(storage: RDBStorage, shelf: Shelf, request: Request) -> None:
    """Refuse a request with the name of a different existing study.

    Raises:
        UsageError: there is one; the message says what differs.
    """
    if not is_there(storage, request.study):
        return
    known = catalogue_of(storage, request.study).studies.get(request.study, {})
    for what, was, now in _differences(known.get(FACTS, {}), shelf, request):
        raise UsageError(
            said(
                "there is already a study {study!r}, and its {what} is {was}, not {now}; choose "
                "another name, or ask for {was} to continue that study",
                study=request.study,
                what=word(what),
                was=was,
                now=now,
            )
        )


def _differences(
    stored: Mapping[str, Any], shelf: Shelf, request: Request
) -> Iterator[tuple[str, object, object]]:
    """Yield how a study and a request differ, as far as both are known."""
    if not stored:
        return
    options = request.options
    reference = str(stored.get("reference", stored["case"]))
    begun, asked = _kind_of(reference), _kind_of(shelf.reference(request.case))
    if begun != asked and not options.get("accept_changes"):
        yield "case", begun, asked
    if stored["seed"] != options["seed"]:
        yield "seed", stored["seed"], options["seed"]
    for name, was in (("metric", stored["metric"]), ("precision", stored["plan"]["precision"])):
        if options.get(name, was) != was:
            yield name, was, options[name]
    if (space := shelf.space(request.case)) is not None:
        fixed = parse_assignments(space, options["fix"])
        if stored["fixed"] != fixed:
            yield "set of fixed values", _in_words(stored["fixed"]), _in_words(fixed)


def _in_words(fixed: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in fixed.items()) or said("none")


def _kind_of(reference: str) -> str:
    """Return the door of a reference, or the name of its case, without its path: files may move."""
    if door := door_of(reference):
        return door
    return (parts_of_loop(reference)[0] if is_loop(reference) else Path(reference)).stem
