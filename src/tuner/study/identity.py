"""The identity of a study: everything its results depend on, and what has changed since."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from tuner.case.metric import LOOP
from tuner.case.reference import is_file
from tuner.case.source import Source
from tuner.errors import StudyError
from tuner.study.change import Change, plain, typed
from tuner.study.data_identity import changes_in_data
from tuner.study.design import PRUNERS
from tuner.study.limits import Limits
from tuner.study.samplers import SAMPLERS
from tuner.study.space_identity import changes_in_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tuner.case.contract import Case
    from tuner.study.schema import Facts

ACCEPT = "--accept-changes"
# A study that was begun with one of these versions continues with it.
STILL_KNOWN = {"sampler": SAMPLERS, "pruner": PRUNERS}


def facts_of_case(case: Case, source: Source) -> dict[str, Any]:
    """Return what a study stores about its case, besides data and space, to recognise it."""
    return {
        "baseline": asdict(case.baseline),
        "recipe": asdict(case.recipe),
        "points_per_epoch": case.points_per_epoch,
        "source": asdict(source),
        **({"starts_from": case.starts_from} if case.starts_from else {}),
    }


def changes(
    stored: Facts | Mapping[str, Any], wanted: Mapping[str, Any], precision: str | None = None
) -> list[Change]:
    """Compare what a study was begun with and what it would continue with.

    Args:
        stored: facts of the study.
        wanted: facts of a study that would be begun now.
        precision: the one asked for; None: any.

    Returns:
        Only the differences. A study of an older tuner has fewer facts: then the differences in
        these, and a note that the rest cannot be compared.
    """
    begun_in = stored["plan"]["precision"]
    kind = [
        *typed("case", stored["case"], wanted["case"]),
        *typed("task", stored["task"], wanted["task"]),
    ]
    if LOOP in {stored["task"], wanted["task"]} and stored["task"] != wanted["task"]:
        return kind  # a loop and a case keep other facts: the rest cannot be compared
    found = [
        *kind,
        *typed("metric", stored["metric"], wanted["metric"]),
        *typed("direction", stored["direction"], wanted["direction"]),
        *changes_in_data(stored["data"], wanted["data"]),
        *typed("limit", *(Limits.of(one).in_words() or "none" for one in (stored, wanted))),
        *typed("seed", stored["seed"], wanted["seed"]),
        *typed("--fix", fixed_in_words(stored), fixed_in_words(wanted)),
        *typed("--order", stored.get("order", "work"), wanted["order"]),
        *typed("precision", begun_in, precision or begun_in),
        *changes_in_space(stored["space"], wanted["space"]),
    ]
    found += [
        replace(plain(what, stored[what], wanted[what]), of_case=False)
        for what in ("sampler", "pruner")
        if stored.get(what) and stored[what] not in {wanted[what], *STILL_KNOWN.get(what, ())}
    ]
    if "source" not in stored:
        return [*found, _unrecorded(stored)]
    return [*found, *_of_case(stored, wanted), *changes_of_rules(stored, wanted["rules"])]


def changes_of_case(stored: Mapping[str, Any], case: Case, source: Source) -> Iterator[Change]:
    """Yield changes in arms and code of the case; none if the study did not store them."""
    if "source" in stored:
        yield from _of_case(stored, json.loads(json.dumps(facts_of_case(case, source))))


def _of_case(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs between an earlier and a present result of `facts_of_case`."""
    for arm in ("baseline", "recipe"):
        yield from _fields(arm, stored[arm], wanted[arm])
    if stored["points_per_epoch"] != wanted["points_per_epoch"]:
        pair = stored["points_per_epoch"], wanted["points_per_epoch"]
        yield plain("number of validations an epoch", *pair)
    begun, now = (one.get("starts_from", "none") for one in (stored, wanted))
    if begun != now:
        yield plain("pretrained network", begun, now)
    yield from changes_of_source(stored["source"], Source(**wanted["source"]))


def changes_of_source(stored: Mapping[str, Any], source: Source) -> Iterator[Change]:
    """Yield a change if the code of a case or loop differs from the stored hash."""
    before = Source(**stored)
    if before != source:
        files = source.changed_since(before)
        yield Change(
            what="code of the case",
            was=before.digest[:12],
            now=source.digest[:12],
            said=f"the code of its case has changed in {', '.join(files)}",
        )


def changes_of_rules(stored: Mapping[str, Any], now: Mapping[str, str]) -> Iterator[Change]:
    """Yield changes in how tuner trains, as far as they are known.

    Args:
        now: present hashes of the training code.
    """
    was = stored.get("rules")
    if was is not None and was != now:
        files = sorted(name for name in was.keys() | now if was.get(name) != now.get(name))
        yield Change(
            what="training code of tuner",
            was=str(stored.get("version")),
            now=", ".join(files),
            said=f"the training code of tuner is not that of the version that began it "
            f"({stored['version']}): {', '.join(files)}",
            of_case=False,
        )


def refuse(name: str, found: Iterable[Change]) -> StudyError:
    """Return the error for a study that would not continue as the same one."""
    listed = list(found)
    what_to_do = "Start a new study with --name, or use the command and the case it was made with"
    if all(change.can_be_accepted for change in listed):
        what_to_do += (
            f". To continue with what has changed, add {ACCEPT}; the study and its report keep a "
            "note of it"
        )
    return StudyError(
        f"there is already a different study {name!r}: "
        f"{'; '.join(change.said for change in listed)}. {what_to_do}"
    )


def refuse_another_case(name: str, stored: Mapping[str, Any], case: Case, source: Source) -> None:
    """Refuse to train for a stored study with a case that has changed since.

    Raises:
        StudyError: it has changed. Older studies, which did not store their case, are accepted.
    """
    if found := list(changes_of_case(stored, case, source)):
        before = "Name the version that made it with --case"
        if not is_file(stored["reference"]):
            before = "Use the version of tuner that made it"
        raise StudyError(
            f"study {name!r} was made with another version of its case: "
            f"{'; '.join(change.said for change in found)}. {before}, or continue the study with "
            f"the new one: `tuner study` with {ACCEPT}"
        )


def fixed_in_words(facts: Mapping[str, Any]) -> str:
    """Return the fixed values in the notation of --fix."""
    return " ".join(f"{name}={value}" for name, value in facts["fixed"].items()) or "nothing"


def _fields(arm: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the fields of an arm that differ."""
    for name in sorted(was.keys() | now.keys()):
        there, here = (
            f"{name}={values[name]}" if name in values else f"no {name}" for values in (was, now)
        )
        if there != here:
            said = f"its {arm} has {there}, not {here}"
            yield Change(what=f"{arm}'s {name}", was=there, now=here, said=said)


def _unrecorded(stored: Mapping[str, Any]) -> Change:
    return Change(
        what="code",
        was="not recorded",
        now="recorded",
        said=f"tuner {stored.get('version', 'of an older version')}, which began it, did not "
        "record the code of its case, so it is not known whether it is still the same",
        of_case=False,
    )
