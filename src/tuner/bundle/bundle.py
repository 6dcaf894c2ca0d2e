"""A saved model: weights as safetensors, everything else as JSON, nothing pickled.

A bundle is a folder of two files. `manifest.json` tells all that is needed to use the model and to
make it again, and carries the SHA-256 of the weights and of itself: an altered bundle is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, get_args

import torch

from tuner.case.contract import Shape
from tuner.case.loading import load_named_case
from tuner.case.space import check_inside
from tuner.data.checking import RAW, TABLES
from tuner.data.images import MODES
from tuner.data.reading import BY_CASE, BY_COLUMNS, READ_IMAGE, UNKNOWN
from tuner.data.table import Table
from tuner.depot.contract import MANIFEST
from tuner.errors import BundleError, CaseError, UsageError
from tuner.files import replacing_folder, sha256_of_file, write_json
from tuner.training.inference import Fitted, applied_by
from tuner.training.plan import Plan, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tuner.case.contract import Case

FORMAT = 1
MOST_PIXELS = 2**24  # of an image that a model takes
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Interface:
    """What a model takes and gives.

    Attributes:
        shape: of a row, and the number of outputs.
        columns: names of a table's features; empty for images.
        classes: names of the outputs; empty for a regression.
        reading: how input files were read for training, as `tuner.data.reading` names it.
        kinds: types of a row that the model takes.
        table: what the columns of the file are that the model was trained on; None: the features
            are numbers, or images.
        several: whether a row may have several of the classes, or none.
    """

    shape: Shape
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    reading: str
    kinds: tuple[torch.dtype, ...]
    table: Table | None = None
    several: bool = False

    @property
    def row(self) -> tuple[int, ...]:
        """Shape of a row of features, before it is prepared."""
        return self.shape.inputs if self.table is None else (len(self.columns),)

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> Self:
        """Read it from a manifest.

        Raises:
            ValueError, TypeError, KeyError: it does not describe a model.
        """
        shape, prepared = manifest["shape"], manifest["preprocessing"]
        inputs, outputs = tuple(shape["inputs"]), shape["outputs"]
        columns, classes = tuple(prepared["columns"]), tuple(manifest["classes"])
        images, raw = (prepared["kind"] == kind for kind in ("image", "raw"))
        table = None if prepared.get("table") is None else Table.read(prepared["table"])
        categories = tuple(shape.get("categories", ()))
        if table is not None and (images or raw):
            raise ValueError(f"rows of shape {inputs} of the columns {columns}")
        _check_table(table, inputs, columns, categories)
        if not all(type(size) is int and size > 0 for size in (*inputs, outputs)):
            raise ValueError(f"the shape {inputs} to {outputs}")
        kinds: tuple[torch.dtype, ...] = (torch.uint8,) if images else TABLES
        if raw:
            kinds = tuple(kind for kind in RAW if str(kind) == prepared["type"])
        if not kinds or (raw and columns):
            raise ValueError("the type of its features")
        sound = len(inputs) == 3 and inputs[0] in MODES if images else inputs == (len(columns),)
        if not sound and table is None and not raw:
            raise ValueError(f"rows of shape {inputs} with {len(columns)} columns")
        if outputs != (len(classes) or 1):
            raise ValueError(f"{outputs} outputs for {len(classes)} classes")
        if images and inputs[1] * inputs[2] > MOST_PIXELS:
            raise ValueError(f"images of {inputs[1]} by {inputs[2]} pixels")
        for names in (columns, classes):
            _check_names(names)
        # Bundles of before say nothing: their images were read by `read_image`.
        by_itself = UNKNOWN if raw else READ_IMAGE if images else BY_COLUMNS
        reading = prepared.get("read", by_itself)
        if reading not in {by_itself, BY_CASE, UNKNOWN}:
            raise ValueError(f"the way of reading {reading!r}")
        several = manifest.get("task") == "multilabel"
        if several and not classes:
            raise ValueError("labels without names")
        made = Shape(inputs, outputs, categories)
        return cls(made, columns, classes, reading, kinds, table, several)


def _check_table(
    table: Table | None,
    inputs: tuple[Any, ...],
    columns: tuple[Any, ...],
    categories: tuple[Any, ...],
) -> None:
    """Check that what a manifest says of a table's columns fits together.

    Raises:
        ValueError: it does not, or there are categories and no table.
    """
    if table is None:
        if categories:
            raise ValueError("categories without a table")
        return
    if columns != table.features or inputs != (table.width,):
        raise ValueError(f"rows of shape {inputs} of the columns {columns}")
    if categories != table.cardinalities:
        raise ValueError(f"categories of {categories} codes")


def _check_names(names: tuple[Any, ...]) -> None:
    """Check that names of columns or classes are texts that can be written, each another.

    Raises:
        ValueError: one is not.
    """
    sound = all(isinstance(name, str) and _is_text(name) for name in names)
    if not sound or len(set(names)) < len(names):
        raise ValueError(f"the names {names}")


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle.

    Attributes:
        manifest: the facts that came with the weights.
        plan: how to compute here, in the precision the model was trained in.
        case: what the model was trained for; it may have a `read` of its own.
    """

    manifest: Mapping[str, Any]
    interface: Interface
    fitted: Fitted
    plan: Plan
    case: Case


def _is_text(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)  # halves of letters


def refuse_to_replace(folder: Path) -> None:
    """Refuse a place for a bundle where anything is but an empty folder or another bundle.

    Raises:
        UsageError: there is something that would be lost.
    """
    if folder.is_dir() and {path.name for path in folder.iterdir()} in (set(), {WEIGHTS, MANIFEST}):
        return
    if folder.exists() or folder.is_symlink():
        raise UsageError(
            f"{folder} already exists and is not a bundle; it is not replaced. Name a new folder "
            "with --out"
        )


def write_bundle(folder: Path, weights: Path, facts: Mapping[str, Any]) -> None:
    """Write a bundle, whole or not at all; `weights` is moved into it.

    Raises:
        UsageError: there is something else than a bundle in its place.
        OSError: the folder cannot be written.
    """
    refuse_to_replace(folder)
    with replacing_folder(folder) as beside:
        weights.replace(beside / WEIGHTS)
        manifest = {"format": FORMAT, **facts, "weights_sha256": sha256_of_file(beside / WEIGHTS)}
        write_json(beside / MANIFEST, {**manifest, "manifest_sha256": _digest(manifest)})


def rename_study_in(manifest: Path, study: str) -> None:
    """Write the new name of a study into a manifest; an altered manifest is left as it is.

    Raises:
        OSError: the file cannot be written.
    """
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    if facts.pop("manifest_sha256", None) == _digest(facts):
        facts["study"] = study
        write_json(manifest, {**facts, "manifest_sha256": _digest(facts)})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check a bundle's manifest, and that the weights are the ones it was written with.

    Raises:
        BundleError: a file is missing, cut short, altered, or of a newer format.
    """
    try:
        for path in (folder / MANIFEST, folder / WEIGHTS):
            if path.exists() and not path.resolve().is_file():
                raise BundleError(
                    f"{path} is not a regular file; name a folder that tuner retrain has written"
                )
        text = (folder / MANIFEST).read_bytes()
        weights = sha256_of_file(folder / WEIGHTS)
    except OSError as error:
        raise BundleError(
            f"{folder} is not a bundle: {error.strerror} ({error.filename}); name a folder that "
            "tuner retrain has written"
        ) from error
    return checked_manifest(text, str(folder), weights)


def checked_manifest(text: bytes, where: str, weights: str | None) -> dict[str, Any]:
    """Read and check what a manifest says.

    Args:
        where: the bundle, for messages.
        weights: SHA-256 of its weights; None: they are not at hand, and are checked when they are.

    Raises:
        BundleError: it is altered, or of a newer format.
    """
    try:
        manifest = json.loads(text.decode("utf-8"))
        expected = manifest.pop("manifest_sha256")
        promised = manifest["weights_sha256"]
        intact = expected == _digest(manifest) and weights in {None, promised}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{where}/{MANIFEST} is not a bundle's manifest: {error!r}") from error
    if not intact:
        raise BundleError(
            f"the bundle {where} was altered after it was written: its files do not have the "
            "checksums they were saved with; retrain it"
        )
    if (written := manifest.get("format")) != FORMAT:
        raise BundleError(
            f"{where} has bundle format {written}, this version reads {FORMAT}; use the version "
            "of tuner that wrote it, or retrain the model with this one"
        )
    checked: dict[str, Any] = manifest
    return checked


def open_bundle(folder: Path, case_file: str | None = None) -> Bundle:
    """Rebuild the model of a bundle.

    Args:
        case_file: for a bundle of a user's own case, the path of that case's file. It is never
            taken from the bundle: a bundle from a stranger must not choose what code is run.

    Raises:
        BundleError: the bundle is damaged, or its case is not at hand.
    """
    manifest = read_manifest(folder)
    try:
        # Whoever writes the right checksums may have written anything else.
        interface = Interface.read(manifest)
        plan = _plan(manifest["plan"], images=interface.kinds == (torch.uint8,))
        case = load_named_case(manifest["case"], manifest["reference"], case_file)
        hyperparameters = case.hyperparameters(manifest["hyperparameters"])
        if case.accepts and (wrong := case.accepts(interface.columns)):
            raise BundleError(f"the model of {folder} cannot be used: {wrong}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{folder / MANIFEST} is not a bundle's manifest: {error!r}") from error
    try:
        # A stranger's may ask for a billion layers; what the case's own search can draw is sound.
        check_inside(case, hyperparameters, "its configuration")
    except CaseError as error:
        raise BundleError(
            f"the search of case {case.name!r} cannot draw the configuration of {folder}, so it is "
            "not built; use the version of the case that made it"
        ) from error
    try:
        model = case.build(hyperparameters, interface.shape).to(plan.device)
    except Exception as error:
        raise BundleError(f"the model of {folder} cannot be built: {error}") from error
    fitted = Fitted.load(
        model,
        folder / WEIGHTS,
        interface.row,
        interface.table,
        applied_by(case, hyperparameters),
    )
    return Bundle(manifest, interface, fitted, plan, case)


def _plan(stored: Mapping[str, Any], *, images: bool) -> Plan:
    """Compute on what is here, as the model was trained."""
    precision, channels_last = stored["precision"], stored["channels_last"]
    if precision not in get_args(Precision) or channels_last not in {False, images}:
        raise ValueError(f"the plan {stored}")
    here = Plan.for_machine(images=images)
    return replace(here, precision=precision, channels_last=channels_last)


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
