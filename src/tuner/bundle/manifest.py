"""Writes and reads saved models: weights as safetensors, the rest as JSON, nothing pickled.

A bundle is a folder with two files. `manifest.json` has everything needed to use the model and to
train it again, and carries the SHA-256 of the weights and of itself: a changed bundle is refused.
This module does not import torch: a service lists models without building one.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from tuner.depot.contract import MANIFEST
from tuner.errors import BundleError, UsageError
from tuner.files import read_whole, replacing_folder, sha256_of_file, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT, OF_ENSEMBLES = 1, 2
WEIGHTS = "weights.safetensors"


def refuse_to_replace(folder: Path) -> None:
    """Refuse a folder for a bundle unless it is empty, new, or another bundle.

    Raises:
        UsageError: something would be lost.
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
        UsageError: its place holds something other than a bundle.
        OSError: the folder cannot be written.
    """
    refuse_to_replace(folder)
    with replacing_folder(folder) as beside:
        weights.replace(beside / WEIGHTS)
        written = OF_ENSEMBLES if "models" in facts else FORMAT
        manifest = {"format": written, **facts, "weights_sha256": sha256_of_file(beside / WEIGHTS)}
        write_json(beside / MANIFEST, {**manifest, "manifest_sha256": _digest(manifest)})


def rename_study_in(manifest: Path, study: str) -> None:
    """Write the new name of a study into a manifest; a changed manifest is left alone.

    Raises:
        OSError: the file cannot be written.
    """
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    if facts.pop("manifest_sha256", None) == _digest(facts):
        facts["study"] = study
        write_json(manifest, {**facts, "manifest_sha256": _digest(facts)})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check a bundle's manifest, and that its weights match it.

    The bundle may be replaced meanwhile. Who also reads its weights uses `manifest_there`, within a
    `read_whole` of both.

    Raises:
        BundleError: a file is missing, cut short, changed, or of a newer format.
    """
    try:
        return read_whole(folder, partial(manifest_there, folder))
    except OSError as error:
        raise _no_bundle(folder, error) from error


def manifest_there(folder: Path) -> dict[str, Any]:
    """Do what `read_manifest` does, once: the manifest may not be that of the weights there now."""
    try:
        for path in (folder / MANIFEST, folder / WEIGHTS):
            if path.exists() and not path.resolve().is_file():
                raise BundleError(
                    f"{path} is not a regular file; name a folder that tuner retrain has written"
                )
        text = (folder / MANIFEST).read_bytes()
        weights = sha256_of_file(folder / WEIGHTS)
    except OSError as error:
        raise _no_bundle(folder, error) from error
    return checked_manifest(text, str(folder), weights)


def _no_bundle(folder: Path, error: OSError) -> BundleError:
    plainly = f"{folder} is not a bundle: {error.strerror} ({error.filename})"
    return BundleError(
        _of_loop(folder) or f"{plainly}; name a folder that tuner retrain has written"
    )


def _of_loop(folder: Path) -> str:
    """Return a message if a folder holds a loop's own files, which its code loads; else empty."""
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
    """Check the text of a manifest, and return its content.

    Args:
        where: the bundle, for messages.
        weights: SHA-256 of its weights; None if they are elsewhere, and will be checked later.

    Raises:
        BundleError: it was changed, or has a newer format.
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


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
