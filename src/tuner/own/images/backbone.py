"""A frozen pretrained network; its features of each picture are computed once and cached.

Only its last layer, which names ImageNet's classes, is removed. Whole pictures are resized, and
normalised with ImageNet's mean and standard deviation, as in its training. If its weights are
missing, nothing is used in their place.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torchvision.models import get_model, get_model_weights

from tuner.data.images import read_image, read_images
from tuner.data.scaling import Scaler
from tuner.data.sources.downloading import network
from tuner.data.sources.flowers102 import IMAGENET
from tuner.data.tensors import load_tensors, save_tensors
from tuner.errors import DataError, UsageError
from tuner.files import replacing
from tuner.machine import usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from tuner.own.images.given import Given
    from tuner.own.images.listing import Picture

SIZE = 224  # pixels a side, the size for which ImageNet's networks are trained
BATCH = 32
DIGITS = 12  # of the SHA-256 of the weights, in the names of the features


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network that computes features (N, F) float32 of pictures.

    Attributes:
        name: its name in torchvision.
        digest: SHA-256 of its weights.
        size: pixels a side of its input.
    """

    name: str
    digest: str
    size: int
    network: nn.Module
    width: int

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features; they identify the weights."""
        return tuple(f"{self.name}.{self.digest[:DIGITS]}.{n}" for n in range(self.width))

    @property
    def identity(self) -> str:
        """Its name and the digest of its weights."""
        return f"{self.name} (SHA-256 of its weights {self.digest[:DIGITS]}…)"

    @property
    def in_words(self) -> str:
        """The features that the case learns from, in words."""
        return (
            f"{self.size} × {self.size}, in colour, to {self.width:,} features of {self.identity}, "  # noqa: RUF001
            "frozen"
        )

    def features_of(self, pictures: Sequence[Picture], known_by: Tensor, folder: Path) -> Tensor:
        """Return the features of all pictures (N, F), from the cache if possible.

        Args:
            known_by: rows (N, C, H, W) uint8 that identify these pictures.
            folder: for the cache.

        Raises:
            DataError: a picture can no longer be read.
        """
        digest = hashlib.sha256(f"{self.name} {self.digest} {self.size} {known_by.shape}".encode())
        for part in known_by.split(1000):
            digest.update(part.contiguous().numpy().data)
        file = folder / "features" / f"{digest.hexdigest()}.safetensors"
        try:
            return load_tensors(file)["features"]
        except (OSError, SafetensorError, ValueError, KeyError):
            pass  # missing or damaged: they are computed again
        parts = [self._apply(batch) for batch in self._batches(pictures)]
        found = torch.cat(parts)
        with replacing(file) as beside:
            save_tensors({"features": found}, beside)
        return found

    def read(self, path: Path) -> Tensor:
        """Return the features of one picture (F,).

        Raises:
            DataError: it cannot be read.
        """
        return self._apply(read_image(path, (3, self.size, self.size))[None])[0]

    def _batches(self, pictures: Sequence[Picture]) -> Iterator[Tensor]:
        shape = (3, self.size, self.size)
        batch: list[Tensor] = []
        for found in read_images([one.path for one in pictures], shape, usable_cores()):
            if isinstance(found, DataError):
                raise found
            batch.append(found)
            if len(batch) == BATCH:
                yield torch.stack(batch)
                batch = []
        if batch:
            yield torch.stack(batch)

    def _apply(self, pictures: Tensor) -> Tensor:
        with torch.inference_mode():
            made: Tensor = self.network(Scaler.for_pixels(IMAGENET)(pictures)).flatten(1)
        return made.clone()


def backbone_of(given: Given) -> Backbone:
    """Return the backbone that the options name, with its weights.

    Raises:
        UsageError: an option is missing or unusable.
        DataError: the weights cannot be read or downloaded; nothing replaces them.
    """
    if given.backbone is None:
        raise UsageError("--weights is for a --backbone; name one")
    return _load(given.backbone, given.weights, given.size or SIZE)


@lru_cache(maxsize=1)
def _load(name: str, file: Path | None, size: int) -> Backbone:
    made = get_model(name, weights=None)
    weights = _downloaded(name) if file is None else _read(file)
    try:
        made.load_state_dict(weights)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise DataError(
            f"{file} does not hold the weights of {name}: "
            f"{' '.join(str(error).split())[:200]}. Name the file of a state_dict of torchvision's "
            f"{name}"
        ) from error
    width = cut_head(made)
    frozen = made.eval().requires_grad_(requires_grad=False)
    return Backbone(name, _digest(frozen.state_dict()), size, frozen, width)


def cut_head(made: nn.Module) -> int:
    """Remove the layer that names ImageNet's classes; return its number of inputs."""
    name = "fc" if hasattr(made, "fc") else "classifier"
    head: nn.Module = getattr(made, name)
    first = next(layer for layer in head.modules() if isinstance(layer, nn.Linear))
    setattr(made, name, nn.Identity())
    return first.in_features


def _read(file: Path) -> Any:
    """Read a state_dict without running code that the file may contain.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"--weights {file} cannot be read: {reason}") from error
    except pickle.UnpicklingError as error:
        raise DataError(
            f"--weights {file} holds more than weights, or is not a file of torch.save; save the "
            "state_dict alone: torch.save(model.state_dict(), FILE)"
        ) from error


def _downloaded(name: str) -> Mapping[str, Any]:
    """Return torchvision's weights, from its cache or its server.

    Raises:
        DataError: they cannot be downloaded.
    """
    weights = get_model_weights(name).DEFAULT
    try:
        with network(weights.url):
            found: Mapping[str, Any] = weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError, HTTPException) as error:
        raise DataError(
            f"the weights of {name} cannot be downloaded ({error}). Download {weights.url} on a "
            "machine with a network, and name the file with --weights"
        ) from error
    return found


def _digest(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
