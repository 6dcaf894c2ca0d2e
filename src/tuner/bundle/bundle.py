"""A saved model: weights as safetensors, everything else as JSON, nothing pickled.

A model may be several networks that are applied as one, an ensemble.

A bundle is a folder of two files. `manifest.json` tells all that is needed to use the model and to
make it again, and carries the SHA-256 of the weights and of itself: an altered bundle is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import torch

from tuner.bundle.interface import Interface
from tuner.case.loading import load_named_case
from tuner.case.space import check_inside
from tuner.depot.contract import MANIFEST
from tuner.errors import BundleError, CaseError, UsageError
from tuner.evidence.ensembles import Ensemble, of_each
from tuner.files import replacing_folder, sha256_of_file, write_json
from tuner.training.inference import Fitted, applied_by
from tuner.training.plan import Plan, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from tuner.case.contract import Case, Hyperparameters

FORMAT, OF_ENSEMBLES = 1, 2
WEIGHTS = "weights.safetensors"


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
        written = OF_ENSEMBLES if "models" in facts else FORMAT
        manifest = {"format": written, **facts, "weights_sha256": sha256_of_file(beside / WEIGHTS)}
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
        plainly = f"{folder} is not a bundle: {error.strerror} ({error.filename})"
        what = _of_loop(folder) or f"{plainly}; name a folder that tuner retrain has written"
        raise BundleError(what) from error
    return checked_manifest(text, str(folder), weights)


def _of_loop(folder: Path) -> str:
    """Say that a folder holds what a loop wrote, which its own code loads; empty: it does not."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        loop, files = str(manifest["loop"]), ", ".join(map(str, manifest["files"])) or "none"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return (
        f"{folder} holds what the loop {loop} wrote (files: {files}); tuner does not know its "
        "model, so load these files with the loop's own code"
    )


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
    if (written := manifest.get("format")) not in {FORMAT, OF_ENSEMBLES}:
        raise BundleError(
            f"{where} has bundle format {written}, this version reads {FORMAT} and {OF_ENSEMBLES}; "
            "use the version of tuner that wrote it, or retrain the model with this one"
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
        model = _built(case, hyperparameters, interface).to(plan.device)
    except Exception as error:
        raise BundleError(f"the model of {folder} cannot be built: {error}") from error
    applied = applied_by(case, hyperparameters)
    if applied is not None and interface.models > 1:
        applied = of_each(applied, interface.task)
    fitted = Fitted.load(model, folder / WEIGHTS, interface.row, interface.table, applied)
    return Bundle(manifest, interface, fitted, plan, case)


def _built(case: Case, hyperparameters: Hyperparameters, interface: Interface) -> nn.Module:
    """Build the untrained model, of one network or of several."""
    made = [case.build(hyperparameters, interface.shape) for _ in range(interface.models)]
    return made[0] if len(made) == 1 else Ensemble(made, interface.task)


def _plan(stored: Mapping[str, Any], *, images: bool) -> Plan:
    """Compute on what is here, as the model was trained."""
    precision, channels_last = stored["precision"], stored["channels_last"]
    if precision not in get_args(Precision) or channels_last not in {False, images}:
        raise ValueError(f"the plan {stored}")
    here = Plan.for_machine(images=images)
    return replace(here, precision=precision, channels_last=channels_last)


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
