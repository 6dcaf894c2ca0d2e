"""What the networks of several seeds come to together: the mean of their probabilities.

    python studies/photos/together.py --data-dir DIR --out studies/photos/together.csv

The guess of `flowers` on other classes, as in confirm.py: on each set, networks that differ in
their seed alone are trained on the 100 photos to develop on, and scored on all others, one by one
and together. Continues where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from confirm import LONG, dataset, trained
from lab import class_sets, resumed

from tuner.case.loading import load_case
from tuner.case.metric import ACCURACY
from tuner.data.splits import everything
from tuner.evidence.rows.ensembles import together
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from torch import Tensor

FIELDS = ("set", "networks", "alone", "together")
TOGETHER = (2, 4)


def accuracies(folder: Path, kinds: list[int], seeds: range) -> list[tuple[int, float, float]]:
    """Train a network a seed; return for each number of them the mean accuracy and the joint."""
    case, data = load_case("flowers"), dataset(folder, kinds)
    plan = plan_for(case.task, images=True)
    (fold,) = everything(data.development)
    test = data.test.open(lambda: None)
    every = [
        trained(case, LONG, data, fold, seed, plan).outputs(test.features, plan) for seed in seeds
    ]

    def accuracy(outputs: Tensor) -> float:
        return 100 * ACCURACY.score(outputs, test.targets).item()

    return [
        (count, fmean(map(accuracy, every[:count])), accuracy(together(every[:count], case.task)))
        for count in TOGETHER
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with resumed(arguments.out, FIELDS, 2) as (done, write):
        for place, kinds in enumerate(class_sets(arguments.data_dir)):
            if (str(place), str(TOGETHER[-1])) in done:
                continue
            seeds = range(100 * place, 100 * place + max(TOGETHER))
            for count, alone, joint in accuracies(arguments.data_dir, kinds, seeds):
                write(place, count, f"{alone:.2f}", f"{joint:.2f}")


if __name__ == "__main__":
    main()
