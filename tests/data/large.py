"""Prints how many MiB of private memory a process gains while it trains on rows in a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from tuner.case.contract import Case, Hyperparameters
from tuner.data import cache, room
from tuner.data.dataset import make_dataset
from tuner.data.sources.folders import Folders
from tuner.data.splits import Holdout, folds
from tuner.data.streaming import read_examples
from tuner.training.fitting import fit
from tuner.training.plan import Plan

ROWS, WIDTH = 3000, 20_000  # float32: 229 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Few(Hyperparameters):
    epochs: int = 1
    batch_size: int = 50


class Made(Dataset[Any]):
    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, number: int) -> Any:
        row = torch.zeros(WIDTH)
        row[number % 2] = 1 + number
        return row, number % 2


def own_memory() -> int:
    """Return the MiB of private memory of this process, which the system cannot drop."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["RssAnon"].split()[0]) // 1024


def main(folder: Path) -> None:
    room.SHARE_OF_MEMORY = 0.0
    torch.set_num_threads(1)
    nn.Linear(2, 2)(torch.rand(2, 2)).sum().backward()  # what torch itself needs
    before = own_memory()
    rows = read_examples(Made(), Folders(own=folder))
    data = make_dataset(
        name="large",
        source="made up",
        development=rows,
        test=rows,
        validation=Holdout(1000),
        classes=("even", "odd"),
        raw=True,
    )
    sys.stdout.write(f"read: {own_memory() - before}\n")
    there = cache.store(data, folder / "cache")
    sys.stdout.write(f"stored: {own_memory() - before}\n")
    mapped = cache.load(there)
    case = Case(
        name="large",
        task="classification",
        load=lambda _: mapped,
        build=lambda _, shape: nn.Linear(shape.inputs[0], shape.outputs),
        suggest=lambda _: Few(),
        baseline=Few(),
        recipe=Few(),
    )
    parts = folds(mapped.development, mapped.validation, 0)
    list(fit(case, Few(), mapped, parts, 0, Plan()))
    sys.stdout.write(f"fitted: {own_memory() - before}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
