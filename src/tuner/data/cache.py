"""Stores data sets on disk by identity, so that every worker maps the same bytes into memory."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from tuner.data.dataset import Dataset, LockedSplit
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.splits import GroupFolds, Holdout, KFold, TimeFolds
from tuner.data.table import Table
from tuner.errors import DataError
from tuner.files import replacing_folder, sha256_of_file, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tuner.data.splits import Scheme

DEVELOPMENT, TEST, DESCRIPTION = "development.safetensors", "test.safetensors", "dataset.json"


def store(dataset: Dataset, root: Path) -> Path:
    """Write `dataset` below `root` unless it is already complete there; return its folder."""
    folder = folder_of(root, dataset.identity)
    # The same data may have had another name or source before.
    if is_whole(folder) and _described(folder) == _describe(dataset):
        return folder
    with replacing_folder(folder) as beside:
        dataset.development.save(beside / DEVELOPMENT)
        dataset.test.save(beside / TEST)
        checksums = {name: sha256_of_file(beside / name) for name in (DEVELOPMENT, TEST)}
        write_json(beside / DESCRIPTION, {"checksums": checksums, **_describe(dataset)})
    return folder


def folder_of(root: Path, identity: str) -> Path:
    """Return the folder in which a data set is, or would be, cached.

    Args:
        identity: of the data set; for versions before 0.2, its fingerprint.
    """
    return root / identity


def is_whole(folder: Path, names: Sequence[str] = (DEVELOPMENT, TEST)) -> bool:
    """Whether these files of a cached data set exist with the bytes that were written."""
    try:
        checksums = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["checksums"]
        return all(sha256_of_file(folder / name) == checksums[name] for name in names)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load(folder: Path) -> Dataset:
    """Map a cached data set into memory; its test split is read only when it is opened.

    Raises:
        DataError: the folder is incomplete or unreadable.
    """
    try:
        facts = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        pixels = facts["pixels"]
        return Dataset(
            name=facts["name"],
            source=facts["source"],
            development=Examples.load(folder / DEVELOPMENT),
            test=LockedSplit(
                facts["test_rows"],
                lambda: Examples.load(folder / TEST),
                facts.get("test_groups"),
            ),
            validation=_scheme(facts["validation"]),
            classes=tuple(facts["classes"]),
            columns=tuple(facts["columns"]),
            raw=facts.get("raw", False),
            pixels=pixels and PixelStatistics(mean=tuple(pixels["mean"]), std=tuple(pixels["std"])),
            stands_in_for=facts["stands_in_for"],
            table=Table.read(facts["table"]) if "table" in facts else None,
            fingerprint=facts["fingerprint"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the cached data in {folder} cannot be read ({error}); remove that folder, and it is "
            "made again"
        ) from error


def _scheme(stored: Mapping[str, Any]) -> Scheme:
    if "kind" in stored:
        k = stored["k"]
        return GroupFolds(k) if stored["kind"] == "GroupFolds" else TimeFolds(k)
    return KFold(stored["k"]) if "k" in stored else Holdout(stored["rows"])


def files_to_train_on(folder: Path) -> dict[str, bytes]:
    """Return the files that another machine needs; the test split stays here."""
    return {name: (folder / name).read_bytes() for name in (DESCRIPTION, DEVELOPMENT)}


def place(files: Mapping[str, bytes | memoryview], folder: Path) -> None:
    """Write the result of `files_to_train_on` into a folder of this machine, unless it exists."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # only one worker of a machine writes
        if is_whole(folder, [DEVELOPMENT]):
            return
        with replacing_folder(folder) as beside:
            for name, content in files.items():
                (beside / name).write_bytes(content)


def _described(folder: Path) -> dict[str, object]:
    facts: dict[str, object] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    del facts["checksums"]
    return facts


def _describe(dataset: Dataset) -> dict[str, object]:
    scheme: dict[str, object] = asdict(dataset.validation)
    if isinstance(dataset.validation, GroupFolds | TimeFolds):
        scheme["kind"] = type(dataset.validation).__name__
    return {
        "name": dataset.name,
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "classes": list(dataset.classes),
        "columns": list(dataset.columns),
        "pixels": dataset.pixels and {k: list(v) for k, v in asdict(dataset.pixels).items()},
        "validation": scheme,
        "stands_in_for": dataset.stands_in_for,
        "test_rows": dataset.test.rows,
        "test_groups": dataset.test.groups,
        **({"raw": True} if dataset.raw else {}),
        **({"table": dataset.table.facts()} if dataset.table else {}),
    }
