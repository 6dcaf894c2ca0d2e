"""What a saved model is kept as: weights as safetensors, everything else as JSON, nothing pickled.

A bundle is a folder of two files. `manifest.json` tells all that is needed to use the model and to
make it again, and carries the SHA-256 of the weights and of itself: an altered bundle is refused.
Nothing here imports torch: a service lists models without building one.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tuner.depot.contract import MANIFEST
from tuner.errors import BundleError, UsageError
from tuner.files import replacing_folder, sha256_of_file, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT, OF_ENSEMBLES = 1, 2
WEIGHTS = "weights.safetensors"


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


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
