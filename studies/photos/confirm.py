"""The guess of `flowers`, as it was and changed, trained by tuner itself on other classes.

    python studies/photos/confirm.py --data-dir DIR --out studies/photos/confirmed.csv --rounds 2

Each arm is trained on the 100 photos to develop on of a set of five classes, and scored on all
others of these. Continues where it was.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lab import class_sets, resumed
from scipy.io import loadmat

from tuner.case.loading import load_case
from tuner.case.metric import ACCURACY
from tuner.cases.flowers import FlowersHyperparameters
from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples
from tuner.data.images import read_image
from tuner.data.sources.flowers102 import IMAGENET, IMAGES, LABELS, PARTS, SHAPE
from tuner.data.splits import KFold, everything
from tuner.training.fitting import fit
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.splits import Fold
    from tuner.training.inference import Fitted
    from tuner.training.plan import Plan

FIELDS = ("arm", "set", "seed", "seconds", "accuracy")
BEFORE = FlowersHyperparameters(
    depth=4,
    width=16,
    padding=True,
    batch_norm=True,
    head="average",
    hidden=0,
    dropout=0.2,
    augmentation=0.5,
    mirror=True,
    label_smoothing=0.1,
    learning_rate=3e-3,
    weight_decay=0.05,
    optimizer="adamw",
    batch_size=8,
    epochs=120,
    one_cycle=True,
)
NOW = replace(BEFORE, head="both", closer=True)
POOLED = replace(NOW, pool_first=True)
LONG = replace(POOLED, augmentation=0.7, epochs=160)
MUON = replace(LONG, optimizer="muon", learning_rate=6e-3)
ARMS = {
    "before": BEFORE,
    "closer, both": NOW,
    "pooled first": POOLED,
    "augmentation 0.7": replace(POOLED, augmentation=0.7),
    "long": LONG,
    "240 epochs": replace(LONG, epochs=240),
    "batches of 16, 240 epochs": replace(LONG, batch_size=16, epochs=240),
    "augmentation 1": replace(LONG, augmentation=1.0),
    "learning rate 6e-3": replace(LONG, learning_rate=6e-3),
    "3 blocks, 32 channels": replace(LONG, depth=3, width=32),
    "4 blocks, 32 channels": replace(LONG, width=32),
    "Muon": MUON,
    "Muon, learning rate 1e-2": replace(MUON, learning_rate=1e-2),
    "Muon, 120 epochs": replace(MUON, epochs=120),
    "Muon, 80 epochs": replace(MUON, epochs=80),
    "augmentation 0.8, 160 epochs": replace(NOW, augmentation=0.8, epochs=160),
}


def dataset(folder: Path, kinds: list[int]) -> Dataset:
    """Return a data set of some classes, split as `flowers` is."""
    labels = loadmat(folder / LABELS)["labels"].ravel() - 1
    parts = loadmat(folder / PARTS)
    read = partial(read_image, shape=SHAPE)

    def examples(*names: str) -> Examples:
        numbers = [number for name in names for number in parts[name].ravel().tolist()]
        chosen = [number for number in numbers if labels[number - 1] in kinds]
        return Examples(
            features=torch.stack([read(folder / IMAGES / f"image_{n:05d}.jpg") for n in chosen]),
            targets=torch.tensor([kinds.index(labels[number - 1]) for number in chosen]),
        )

    return make_dataset(
        name="flowers",
        source="five other classes of Oxford Flowers-102",
        development=examples("trnid", "valid"),
        test=examples("tstid"),
        validation=KFold(5),
        classes=tuple(map(str, kinds)),
        pixels=IMAGENET,
    )


def trained(
    case: Case, arm: Hyperparameters, data: Dataset, fold: Fold, seed: int, plan: Plan
) -> Fitted:
    """Train to the end; return the model."""
    running = fit(case, arm, data, [fold], seed, plan)
    while True:
        try:
            next(running)
        except StopIteration as end:
            model: Fitted = end.value[0]
            return model


def accuracy(data: Dataset, arm: FlowersHyperparameters, seed: int) -> float:
    """Train on all photos to develop on; return the accuracy on the others."""
    case = load_case("flowers")
    plan = plan_for(case.task, images=True)
    (fold,) = everything(data.development)
    model = trained(case, arm, data, fold, seed, plan)
    test = data.test.open(lambda: None)
    return 100 * ACCURACY.score(model.outputs(test.features, plan), test.targets).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--arms", choices=ARMS, nargs="+", default=list(ARMS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sets = class_sets(arguments.data_dir)
    with resumed(arguments.out, FIELDS, 3) as (done, write):
        for number, place in itertools.product(range(arguments.rounds), range(len(sets))):
            data, seed = dataset(arguments.data_dir, sets[place]), 100 * number + place
            for arm in arguments.arms:
                if (arm, str(place), str(seed)) in done:
                    continue
                began = time.process_time()
                found = accuracy(data, ARMS[arm], seed)
                seconds = f"{time.process_time() - began:.1f}"
                write(arm, place, seed, seconds, f"{found:.2f}")


if __name__ == "__main__":
    main()
