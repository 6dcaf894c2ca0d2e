"""Measure what a stack of trainings costs against the same trainings one after the other.

    python studies/speed/stacks.py --out studies/speed/stacks.csv

Networks of `housing` of several widths, 1 to 24 seeds on all development rows, ten epochs on one
thread. A row is one repeat: `together` is the time of one stack, `alone` that of its members, each
in a stack of its own; the two take turns.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch
from records import append

from tuner.case.loading import load_case
from tuner.data.sources.folders import Folders
from tuner.data.splits import everything
from tuner.training.fitting import fit
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCHS = 10
WIDTHS = (32, 64, 256)
MEMBERS = (1, 6, 24)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    case = load_case("housing")
    data = case.dataset(Folders())
    (whole,) = everything(data.development)

    def seconds(width: int, seeds: Sequence[int]) -> float:
        hyperparameters = replace(case.baseline, depth=2, width=width, epochs=EPOCHS)
        began = time.perf_counter()
        for _ in fit(case, hyperparameters, data, [whole] * len(seeds), seeds, Plan()):
            pass
        return time.perf_counter() - began

    seconds(32, [0])  # the first optimizer imports half of torch
    for width in WIDTHS:
        for members in MEMBERS:
            ratios = []
            for repeat in range(given.repeats):
                together = seconds(width, range(members))
                alone = sum(seconds(width, [seed]) for seed in range(members))
                ratios.append(alone / together)
                row = {"width": width, "members": members, "repeat": repeat}
                append(given.out, row | {"together": together, "alone": alone})
            print(f"width {width}, {members} members: alone {median(ratios):.2f} times as long")


if __name__ == "__main__":
    main()
