"""Trainings of a small network on 100 photos of five classes of Flowers-102.

A plain loop of its own, so that what was tried and did not help needs no place in tuner. It
computes as tuner does: bfloat16, channels last, AdamW, one cycle. The classes of the case `flowers`
are left out; the thirty largest others are dealt to six sets of five.
"""

from __future__ import annotations

import csv
import itertools
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from scipy.io import loadmat
from torch import nn
from torch.nn import functional

from tuner.data.sources.flowers102 import CLASSES, IMAGENET, IMAGES, LABELS, PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

SIDE, SETS, KINDS = 64, 6, 5


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained; the defaults are tuner's guess for such a case, as it was, in 80 epochs."""

    middle: bool = False  # read the largest square in the middle; off: squash the whole photo
    depth: int = 4
    width: int = 16
    residual: bool = (
        False  # a further convolution in all blocks but the first, with a way around it
    )
    stride: bool = False  # the first convolution has stride 2, and no pooling after it
    silu: bool = False  # in place of ReLU
    head: str = "average"  # or "max", or "both"
    dropout: float = 0.2
    networks: int = 1  # trained side by side, of which the mean is used
    batch_size: int = 8
    epochs: int = 80
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    augmentation: float = 0.5
    resized_crop: bool = False  # a crop of 35 to 100 % of the area; off: shift and scale
    crop: int = 0  # train on so many pixels a side, and use all 64; 0: all
    saturation: float = 0.0
    hue: float = 0.0  # as a share of half a turn
    erase: float = 0.0  # largest side of what is erased, as a share of the photo's
    mix: str = "none"  # half of the batches: "cutmix", or "both" it and mixup


def class_sets(folder: Path) -> list[list[int]]:
    """Deal the thirty largest classes that `flowers` does not have to six sets."""
    labels = loadmat(folder / LABELS)["labels"].ravel() - 1
    largest = np.argsort(-np.bincount(labels), kind="stable").tolist()
    others = [label for label in largest if label not in CLASSES][: SETS * KINDS]
    dealt = np.random.default_rng(2023).permutation(others).tolist()
    return [dealt[start::SETS] for start in range(SETS)]


@cache
def photos(folder: Path, place: int, *, middle: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what one set is developed on and tested on: scaled photos and labels of each."""
    kinds = class_sets(folder)[place]
    labels = loadmat(folder / LABELS)["labels"].ravel() - 1
    parts = loadmat(folder / PARTS)
    known = {*parts["trnid"].ravel().tolist(), *parts["valid"].ravel().tolist()}
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (IMAGENET.mean, IMAGENET.std))
    found: list[Tensor] = []
    for developed in (True, False):
        numbers = [
            number
            for number in range(1, len(labels) + 1)
            if labels[number - 1] in kinds and (number in known) == developed
        ]
        read = [_read(folder / IMAGES / f"image_{one:05d}.jpg", middle=middle) for one in numbers]
        rows = torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2)
        found += [
            (rows.float() / 255 - mean) / std,
            torch.tensor([kinds.index(labels[one - 1]) for one in numbers]),
        ]
    return found[0], found[1], found[2], found[3]


def _read(path: Path, *, middle: bool) -> np.ndarray:
    with Image.open(path) as image:
        (width, height), box = image.size, None
        if middle:
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            box = (left, top, left + side, top + side)
        plain = image.convert("RGB")
        return np.array(plain.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box))


class Around(nn.Module):
    """Layers with a way around them, then an activation."""

    def __init__(self, layers: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.layers, self.activation = layers, activation

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.activation(maps + self.layers(maps))
        return out


class Pooling(nn.Module):
    def __init__(self, head: str) -> None:
        super().__init__()
        self.head = head

    def forward(self, maps: Tensor) -> Tensor:
        average, largest = maps.mean((2, 3)), maps.amax((2, 3))
        if self.head == "both":
            return torch.cat((average, largest), 1)
        return average if self.head == "average" else largest


class Side(nn.Module):
    """Networks side by side: (N, C, H, W) -> (networks, N, classes)."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, rows: Tensor) -> Tensor:
        return torch.stack([network(rows) for network in self.networks])


def network(recipe: Recipe) -> nn.Module:
    def activation() -> nn.Module:
        return nn.SiLU(inplace=True) if recipe.silu else nn.ReLU(inplace=True)

    layers: list[nn.Module] = []
    channels = 3
    for block in range(recipe.depth):
        out, strided = recipe.width << block, recipe.stride and block == 0
        layers += [nn.Conv2d(channels, out, 3, 2 if strided else 1, 1, bias=False)]
        layers += [nn.BatchNorm2d(out)]
        layers += [] if strided else [nn.MaxPool2d(2)]
        layers += [activation()]
        if recipe.residual and block > 0:
            again = nn.Sequential(nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out))
            layers += [Around(again, activation())]
        channels = out
    features = 2 * channels if recipe.head == "both" else channels
    layers += [Pooling(recipe.head), nn.Dropout(recipe.dropout), nn.Linear(features, KINDS)]
    return nn.Sequential(*layers)


def augmented(rows: Tensor, recipe: Recipe, random: torch.Generator) -> Tensor:
    count, strength = len(rows), recipe.augmentation
    draws = torch.rand(6, count, generator=random)
    both = draws * 2 - 1
    angle = both[0] * strength * math.pi / 6
    if recipe.resized_crop:
        area = 1 - draws[1] * 0.65
        size, room = 1 / area.sqrt(), 1 - area.sqrt()
        right, down = both[2] * room, both[3] * room
    else:
        size = 1 + both[1] * strength * 0.3
        right, down = both[2] * strength * 0.3, both[3] * strength * 0.3
    mirror, cos, sin = both[4].sign(), angle.cos() / size, angle.sin() / size
    theta = torch.stack(
        (torch.stack((mirror * cos, -sin, right), 1), torch.stack((mirror * sin, cos, down), 1)), 1
    )
    grid = functional.affine_grid(theta, list(rows.shape), align_corners=False)
    rows = functional.grid_sample(rows, grid, padding_mode="border", align_corners=False)
    spread = 0.2 * strength
    draws = torch.rand(count, 5, 1, 1, generator=random) * 2 - 1
    centre = rows.mean((1, 2, 3), keepdim=True)
    rows = (rows - centre) * (1 + spread * draws[:, :1]) + centre + spread * draws[:, 1:2]
    rows = rows + 0.5 * spread * draws[:, 2:]
    if recipe.saturation:
        rows = recoloured(rows, recipe, random)
    return erased(rows, recipe.erase, random) if recipe.erase else rows


def recoloured(rows: Tensor, recipe: Recipe, random: torch.Generator) -> Tensor:
    """Change saturation, and turn hues around the grey axis."""
    draws = torch.rand(len(rows), 2, generator=random) * 2 - 1
    grey = rows.mean(1, keepdim=True)
    times = (1 + recipe.saturation * draws[:, 0]).view(-1, 1, 1, 1)
    turn = (draws[:, 1] * recipe.hue * math.pi).view(-1, 1, 1)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    third = torch.full((3, 3), 1 / 3)
    matrix = turn.cos() * torch.eye(3) + (1 - turn.cos()) * third + turn.sin() * cross
    return grey + times * (torch.einsum("nij,njhw->nihw", matrix, rows) - grey)


def erased(rows: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Set a square of each photo to the mean colour."""
    draws = torch.rand(5, len(rows), generator=random)
    half = share * SIDE * (0.5 + 0.5 * draws[0]) / 2
    pixels = torch.arange(SIDE) + 0.5
    wide, high = (
        (pixels[None] - draws[axis][:, None] * SIDE).abs() < half[:, None] for axis in (1, 2)
    )
    return rows.masked_fill(wide[:, None, None, :] & high[:, None, :, None], 0.0)


def mixed(
    rows: Tensor, targets: Tensor, kind: str, random: torch.Generator
) -> tuple[Tensor, Tensor, float]:
    """Mix half of the batches: rows, labels of what was mixed in, and the share that is kept."""
    if kind == "none" or torch.rand(1, generator=random).item() > 0.5:
        return rows, targets, 1.0
    order = torch.randperm(len(rows), generator=random)
    share = float(np.random.beta(1, 1))
    if kind == "both":
        kind = "cutmix" if torch.rand(1, generator=random).item() < 0.5 else "mixup"
    if kind == "mixup":
        return share * rows + (1 - share) * rows[order], targets[order], share
    side = math.sqrt(1 - share) * SIDE
    middles = [torch.rand(1, generator=random).item() * SIDE for _ in range(2)]
    edges = [int(min(max(m + s * side / 2, 0), SIDE)) for m in middles for s in (-1, 1)]
    left, right, top, bottom = edges
    cut = rows.clone()
    cut[:, :, top:bottom, left:right] = rows[order][:, :, top:bottom, left:right]
    return cut, targets[order], 1 - (right - left) * (bottom - top) / SIDE**2


def train(recipe: Recipe, folder: Path, place: int, seed: int) -> tuple[dict[str, float], float]:
    """Return test accuracies in per cent, by the views that are averaged, and processor seconds."""
    rows, targets, others, truth = photos(folder, place, middle=recipe.middle)
    torch.manual_seed(1000 * place + seed)
    random = torch.Generator().manual_seed(7000 * place + seed)
    np.random.seed(seed * 13 + place)
    model = network(recipe)
    if recipe.networks > 1:
        model = Side([network(recipe) for _ in range(recipe.networks)])
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    batches = round(len(rows) / recipe.batch_size)
    edges = [len(rows) * one // batches for one in range(batches + 1)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=recipe.learning_rate,
        total_steps=recipe.epochs * batches,
        pct_start=0.2,
        cycle_momentum=False,
    )
    began = time.process_time()
    model.train()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(rows), generator=random)
        for start, end in itertools.pairwise(edges):
            own = order[start:end]
            batch = augmented(rows[own], recipe, random)
            batch, second, share = mixed(batch, targets[own], recipe.mix, random)
            if recipe.crop:
                most = SIDE - recipe.crop + 1
                top, left = (int(torch.rand(1, generator=random) * most) for _ in range(2))
                batch = batch[:, :, top : top + recipe.crop, left : left + recipe.crop]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                outputs = model(batch.contiguous(memory_format=torch.channels_last))
            loss = share * _loss(outputs, targets[own], recipe)
            if share < 1:
                loss = loss + (1 - share) * _loss(outputs, second, recipe)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    seconds = time.process_time() - began
    return scores(model.eval(), others, truth), seconds


def _loss(outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
    told = outputs.float().reshape(-1, KINDS)
    every = targets.repeat(len(told) // len(targets))
    mean = functional.cross_entropy(told, every, label_smoothing=recipe.label_smoothing)
    return mean * recipe.networks


def closer(rows: Tensor, times: float) -> Tensor:
    theta = torch.tensor([[1 / times, 0, 0], [0, 1 / times, 0]]).expand(len(rows), 2, 3)
    grid = functional.affine_grid(theta, list(rows.shape), align_corners=False)
    return functional.grid_sample(rows, grid, align_corners=False)


def scores(model: nn.Module, rows: Tensor, truth: Tensor) -> dict[str, float]:
    views = {"plain": rows, "1.15": closer(rows, 1.15), "1.3": closer(rows, 1.3)}
    told: dict[str, Tensor] = {}
    for name, seen in views.items():
        for suffix, one in (("", seen), (" mirrored", seen.flip(-1))):
            told[name + suffix] = _told(model, one)
    ways = {
        "plain": ["plain"],
        "mirror": ["plain", "plain mirrored"],
        "mirror, closer 1.15": ["plain", "plain mirrored", "1.15", "1.15 mirrored"],
        "mirror, closer 1.3": ["plain", "plain mirrored", "1.3", "1.3 mirrored"],
        "closer 1.3 mirrored": ["plain", "1.3 mirrored"],
    }
    return {
        way: 100 * (sum(told[one] for one in names).argmax(1) == truth).float().mean().item()  # type: ignore[union-attr]
        for way, names in ways.items()
    }


def _told(model: nn.Module, rows: Tensor) -> Tensor:
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        parts = [
            model(part.contiguous(memory_format=torch.channels_last)).float()
            for part in rows.split(100)
        ]
    told = torch.cat(parts, dim=-2)
    return told.mean(0) if told.dim() == 3 else told


def changed(**changes: object) -> Recipe:
    return replace(Recipe(), **changes)  # type: ignore[arg-type]


@contextmanager
def resumed(
    path: Path, fields: Sequence[str], key: int
) -> Iterator[tuple[set[Any], Callable[..., None]]]:
    """Lend which rows a CSV has, by their first `key` fields, and what writes another at once."""
    done = set()
    if path.exists():
        with path.open(encoding="utf-8") as file:
            done = {tuple(row[one] for one in fields[:key]) for row in csv.DictReader(file)}
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not done:
            writer.writerow(fields)

        def write(*row: object) -> None:
            writer.writerow(row)
            file.flush()

        yield done, write
