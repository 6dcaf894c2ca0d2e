"""What makes a study the same study, and what has changed since it was begun."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from optuna.distributions import check_distribution_compatibility, json_to_distribution

from tuner.case.source import Source
from tuner.errors import StudyError
from tuner.study.design import PRUNERS
from tuner.study.limits import Limits
from tuner.study.samplers import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.study.schema import Facts, StoredDistribution

ACCEPT = "--accept-changes"
# A study that was begun with one of these continues with it.
STILL_KNOWN = {"sampler": SAMPLERS, "pruner": PRUNERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing on which results depend, and which is not as it was when the study was begun.

    Attributes:
        what: it is.
        was: in words; so is `now`.
        said: the whole of it, in words that follow on "this study differs:".
        can_be_accepted: whether the study can continue all the same. What was typed cannot: the
            command that made the study can be typed again.
        of_case: whether it lies in the case, and not in tuner or in what was typed.
    """

    what: str
    was: str
    now: str
    said: str
    can_be_accepted: bool = True
    of_case: bool = True


def facts_of_case(case: Case, source: Source) -> dict[str, Any]:
    """Return what a study keeps of its case, besides data and space, to know it by."""
    return {
        "baseline": asdict(case.baseline),
        "recipe": asdict(case.recipe),
        "points_per_epoch": case.points_per_epoch,
        "source": asdict(source),
        **({"starts_from": case.starts_from} if case.starts_from else {}),
    }


def facts_of_split(dataset: Dataset) -> dict[str, Any]:
    """Return what a study keeps of its data's split scheme, to know it by."""
    scheme = {"kind": type(dataset.validation).__name__, **asdict(dataset.validation)}
    return {"identity": dataset.identity, "validation": scheme}


def changes(
    stored: Facts | Mapping[str, Any], wanted: Mapping[str, Any], precision: str | None = None
) -> list[Change]:
    """Compare what a study was begun with and what it would continue with.

    Args:
        stored: facts of the study.
        wanted: facts of a study that would be begun now.
        precision: the one asked for; None: any.

    Returns:
        Only what differs. For a study that an older tuner began, whose facts are fewer: what can be
        compared, and that the rest cannot be.
    """
    begun_in = stored["plan"]["precision"]
    found = [
        *_typed("case", stored["case"], wanted["case"]),
        *_typed("task", stored["task"], wanted["task"]),
        *_typed("metric", stored["metric"], wanted["metric"]),
        *_data(stored["data"], wanted["data"]),
        *_typed("limit", *(Limits.of(one).in_words() or "none" for one in (stored, wanted))),
        *_typed("seed", stored["seed"], wanted["seed"]),
        *_typed("--fix", fixed_in_words(stored), fixed_in_words(wanted)),
        *_typed("--order", stored.get("order", "work"), wanted["order"]),
        *_typed("precision", begun_in, precision or begun_in),
        *_space(stored["space"], wanted["space"]),
    ]
    found += [
        replace(_plain(what, stored[what], wanted[what]), of_case=False)
        for what in ("sampler", "pruner")
        if stored.get(what) and stored[what] not in {wanted[what], *STILL_KNOWN.get(what, ())}
    ]
    if "source" not in stored:
        return [*found, _unrecorded(stored)]
    return [*found, *_of_case(stored, wanted), *changes_of_rules(stored, wanted["rules"])]


def changes_of_case(stored: Mapping[str, Any], case: Case, source: Source) -> Iterator[Change]:
    """Yield what has changed in arms and code of the case; nothing where that was not recorded."""
    if "source" in stored:
        yield from _of_case(stored, json.loads(json.dumps(facts_of_case(case, source))))


def _of_case(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs between what `facts_of_case` returned then and now."""
    for arm in ("baseline", "recipe"):
        yield from _fields(arm, stored[arm], wanted[arm])
    if stored["points_per_epoch"] != wanted["points_per_epoch"]:
        pair = stored["points_per_epoch"], wanted["points_per_epoch"]
        yield _plain("number of validations an epoch", *pair)
    begun, now = (one.get("starts_from", "none") for one in (stored, wanted))
    if begun != now:
        yield _plain("pretrained network", begun, now)
    yield from changes_of_source(stored["source"], Source(**wanted["source"]))


def changes_of_source(stored: Mapping[str, Any], source: Source) -> Iterator[Change]:
    """Yield that the code of a case or of a loop is not what is stored of it, if so."""
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
    """Yield what has changed in how tuner trains, as far as that is known.

    Args:
        now: hashes of the training code, as they are now.
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
    """Make the error for a study that is not what it would be continued as."""
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
        StudyError: it has. A study of an older tuner, which did not record its case, is not held.
    """
    if found := list(changes_of_case(stored, case, source)):
        raise StudyError(
            f"study {name!r} was made with another version of its case: "
            f"{'; '.join(change.said for change in found)}. Name the version that made it with "
            f"--case, or continue the study with the new one: `tuner study` with {ACCEPT}"
        )


def in_words(stored: Mapping[str, Any]) -> str:
    """Return a stored split scheme as a case writes it."""
    arguments = ", ".join(str(value) for name, value in stored.items() if name != "kind")
    return f"{stored['kind']}({arguments})"


def fixed_in_words(facts: Mapping[str, Any]) -> str:
    """Return what --fix said."""
    return " ".join(f"{name}={value}" for name, value in facts["fixed"].items()) or "nothing"


def _plain(what: str, was: object, now: object) -> Change:
    said = f"its {what} is {was}, not {now}"
    return Change(what=what, was=str(was), now=str(now), said=said)


def _typed(what: str, was: object, now: object) -> Iterator[Change]:
    if was != now:
        yield replace(_plain(what, was, now), can_be_accepted=False, of_case=False)


def _data(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    there, here = (
        f"{data['name']} with fingerprint {data['fingerprint'][:12]}" for data in (was, now)
    )
    if there != here:
        yield _plain("data", there, here)
    yield from _classes(list(was["classes"]), list(now["classes"]))
    if "validation" in was:
        if was["validation"] != now["validation"]:
            yield _plain("validation split", *(in_words(data["validation"]) for data in (was, now)))
    else:
        for size in ("folds", "validation"):
            if was["sizes"][size] != now["sizes"][size] and there == here:
                what = "number of folds" if size == "folds" else "number of validation rows"
                yield _plain(what, was["sizes"][size], now["sizes"][size])
    if list(was["columns"]) != list(now["columns"]):
        yield _columns(list(was["columns"]), list(now["columns"]))


def _classes(was: list[str], now: list[str]) -> Iterator[Change]:
    """Say which classes are gone or new: a model's outputs stand for the classes by their order."""
    if was == now:
        return
    gone, new = ([one for one in a if one not in b] for a, b in ((was, now), (now, was)))
    said = [
        f"{word} {', '.join(map(repr, names[:5]))}{' ...' if len(names) > 5 else ''}"
        for word, names in (("without", gone), ("with", new))
        if names
    ]
    told = " and ".join(said) or "in another order"
    yield Change(
        what="classes",
        was=f"{len(was)}",
        now=f"{len(now)}",
        said=f"its {len(was)} classes are now {len(now)}, {told} (a study keeps its classes)",
        can_be_accepted=False,
    )


def _columns(was: list[str], now: list[str]) -> Change:
    """Say which columns differ, and not those that do not."""
    pairs = [(a, b) for a, b in zip(was, now, strict=False) if a != b]
    gone = [name for name in was if name not in now] or [a for a, _ in pairs]
    new = [name for name in now if name not in was] or [b for _, b in pairs]
    there, here = ", ".join(gone) or "fewer", ", ".join(new) or "fewer"
    return Change(
        what="columns", was=there, now=here, said=f"its columns are {there}, where now are {here}"
    )


def _fields(arm: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the fields of an arm that differ."""
    for name in sorted(was.keys() | now.keys()):
        there, here = (
            f"{name}={values[name]}" if name in values else f"no {name}" for values in (was, now)
        )
        if there != here:
            said = f"its {arm} has {there}, not {here}"
            yield Change(what=f"{arm}'s {name}", was=there, now=here, said=said)


def _space(
    was: Mapping[str, StoredDistribution], now: Mapping[str, StoredDistribution]
) -> Iterator[Change]:
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
    """Whether Optuna takes both as distributions of one hyperparameter in a study."""
    if was is None or now is None:
        return True
    try:
        check_distribution_compatibility(
            json_to_distribution(json.dumps(was)), json_to_distribution(json.dumps(now))
        )
    except ValueError:
        return False
    return True


def _unrecorded(stored: Mapping[str, Any]) -> Change:
    return Change(
        what="code",
        was="not recorded",
        now="recorded",
        said=f"tuner {stored.get('version', 'of an older version')}, which began it, did not "
        "record the code of its case, so nobody can tell whether it is still the same",
        of_case=False,
    )
