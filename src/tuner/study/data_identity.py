"""The facts about data that a study stores, and how data has changed since."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuner.data.splits import folds
from tuner.study.change import Change, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tuner.data.dataset import Dataset


def facts_of_data(data: Dataset, seed: int) -> dict[str, Any]:
    """Return the facts of data that a study stores: identity, findings and split.

    Args:
        seed: of the study; it draws the folds.
    """
    splits = folds(data.development, data.validation, seed)
    return {
        "name": data.name,
        "source": data.source,
        "fingerprint": data.fingerprint,
        "stands_in_for": data.stands_in_for,
        "classes": data.classes,
        "columns": data.columns,
        **({"table": data.table.facts()} if data.table else {}),
        "pixels": data.pixels and asdict(data.pixels),
        "reading": data.reading,
        **({"inspection": data.inspection} if data.inspection else {}),
        "findings": data.findings and data.findings.facts(),
        "target": data.findings and data.findings.target and asdict(data.findings.target),
        **facts_of_split(data),
        "sizes": {
            "development": len(data.development),
            "training": len(splits[0].training),
            "validation": len(splits[0].validation),
            "folds": len(splits),
            "test": data.test.rows,
        },
    }


def facts_of_split(dataset: Dataset) -> dict[str, Any]:
    """Return the facts by which a study recognises the split scheme of its data."""
    scheme = {"kind": type(dataset.validation).__name__, **asdict(dataset.validation)}
    return {"identity": dataset.identity, "validation": scheme}


def split_in_words(stored: Mapping[str, Any]) -> str:
    """Return a stored split scheme in the notation of a case."""
    arguments = ", ".join(str(value) for name, value in stored.items() if name != "kind")
    return f"{stored['kind']}({arguments})"


def changes_in_data(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs between stored facts of data: rows, classes, columns, validation."""
    there, here = (
        f"{data['name']} with fingerprint {data['fingerprint'][:12]}" for data in (was, now)
    )
    if there != here:
        yield plain("data", there, here)
    yield from _classes(list(was["classes"]), list(now["classes"]))
    if "validation" in was:
        if was["validation"] != now["validation"]:
            yield plain(
                "validation split", *(split_in_words(data["validation"]) for data in (was, now))
            )
    else:
        for size in ("folds", "validation"):
            if was["sizes"][size] != now["sizes"][size] and there == here:
                what = "number of folds" if size == "folds" else "number of validation rows"
                yield plain(what, was["sizes"][size], now["sizes"][size])
    if list(was["columns"]) != list(now["columns"]):
        yield _columns(list(was["columns"]), list(now["columns"]))


def _classes(was: list[str], now: list[str]) -> Iterator[Change]:
    """Yield which classes are gone or new; order matters, as outputs are matched by position."""
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
    """Return the change of columns, naming only those that differ."""
    pairs = [(a, b) for a, b in zip(was, now, strict=False) if a != b]
    gone = [name for name in was if name not in now] or [a for a, _ in pairs]
    new = [name for name in now if name not in was] or [b for _, b in pairs]
    there, here = ", ".join(gone) or "fewer", ", ".join(new) or "fewer"
    return Change(
        what="columns", was=there, now=here, said=f"its columns are {there}, where now are {here}"
    )
