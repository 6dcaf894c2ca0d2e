"""A search as one would write it without tuner: Optuna's PyTorch example, with a usual trainer.

    python studies/speed/plain.py mnist --trials 50 --seed 1 --data-dir DIR \
        --storage sqlite:///plain.db

After https://github.com/optuna/optuna-examples/blob/main/pytorch/pytorch_simple.py: the data is
loaded in the objective, a DataLoader reads it through torchvision's transforms, there is one
validation an epoch, `MedianPruner` and `TPESampler` are as they come, and so are torch's threads
and the SQLite storage. Of tuner it takes what is searched and no more: a case's space, model,
baseline and recipe. One split is trained on where tuner trains on five folds.

The same line again goes on where it stopped.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import optuna
import torch
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset
from torchvision import transforms
from torchvision.datasets import MNIST, Flowers102

from tuner.case.contract import Shape
from tuner.case.loading import load_case
from tuner.training.muon import Muon

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tuner.case.contract import Case

Loaders: TypeAlias = tuple[DataLoader[Any], DataLoader[Any]]

FLOWERS = (50, 76, 45, 72, 88)  # of the 102 classes, the five largest


def mnist(hp: Any, data_dir: Path, seed: int, rows: int = 60_000, held_out: int = 5_000) -> Loaders:
    strength = hp.augmentation
    usual = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    moved = [_affine(strength, 15, 0.1, 0.15)] if strength else []
    training = MNIST(data_dir, transform=transforms.Compose([*moved, *usual]))
    validation = MNIST(data_dir, transform=transforms.Compose(usual))
    labels = training.targets[:rows].tolist()
    return _split(training, validation, labels, held_out, hp.batch_size, seed)


def flowers(hp: Any, data_dir: Path, seed: int) -> Loaders:
    strength = hp.augmentation
    resize = transforms.Resize((64, 64))
    usual = [
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    changed = []
    if strength:
        light, colour = 0.2 * strength, 0.1 * strength
        changed = [
            transforms.RandomHorizontalFlip(),
            _affine(strength, 30, 0.15, 0.3),
            transforms.ColorJitter(brightness=light, contrast=light, saturation=colour),
        ]
    training, labels = _five_flowers(data_dir, transforms.Compose([resize, *changed, *usual]))
    validation, _ = _five_flowers(data_dir, transforms.Compose([resize, *usual]))
    return _split(training, validation, labels, 0.2, hp.batch_size, seed)


def housing(hp: Any, data_dir: Path | None, seed: int) -> Loaders:
    del data_dir
    features, targets = make_regression(1000, 10, random_state=42)
    development = train_test_split(features, targets, test_size=0.2, random_state=42)[::2]
    rows, held_out = train_test_split(range(800), test_size=0.2, random_state=seed)
    columns = []
    for part in (development[0], development[1].reshape(-1, 1)):
        mean, std = part[rows].mean(axis=0), part[rows].std(axis=0)
        columns.append(torch.from_numpy((part - mean) / std).float())
    data = TensorDataset(*columns)
    return _loaders(Subset(data, rows), Subset(data, held_out), hp.batch_size)


DATA: dict[str, tuple[Callable[..., Loaders], Shape]] = {
    "mnist": (mnist, Shape((1, 28, 28), 10)),
    "mnist-tenth": (partial(mnist, rows=6_000, held_out=500), Shape((1, 28, 28), 10)),
    "flowers": (flowers, Shape((3, 64, 64), 5)),
    "housing": (housing, Shape((10,), 1)),
}


def objective(
    trial: optuna.Trial, case: Case, data_dir: Path | None, seed: int, device: str = "cpu"
) -> float:
    hp = case.suggest(trial)
    load, shape = DATA[case.name]
    training, validation = load(hp, data_dir, seed)
    model = case.build(hp, shape).to(device)
    optimizer = optimizer_of(model, hp)
    schedule: LRScheduler | None = None
    if hp.step_lr:
        schedule = StepLR(optimizer, hp.step_size, hp.gamma)
    elif hp.one_cycle:
        steps = hp.epochs * len(training)
        schedule = OneCycleLR(
            optimizer, hp.learning_rate, steps, pct_start=0.2, cycle_momentum=False
        )
    loss_of = (
        nn.CrossEntropyLoss(label_smoothing=hp.label_smoothing)
        if case.task == "classification"
        else nn.MSELoss()
    )

    best, best_epoch = 0.0, 0
    for epoch in range(1, hp.epochs + 1):
        train(model, training, loss_of, optimizer, schedule)
        score = evaluate(model, validation, case.task)
        # Without early stopping a training is worth what it comes to at its end, as in the example.
        if best_epoch == 0 or not hp.early_stopping or case.metric.better(score, best):
            best, best_epoch = score, epoch
        trial.report(score, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
        if hp.early_stopping and epoch - best_epoch >= hp.patience:
            break
    trial.set_user_attr("best_epoch", best_epoch)
    return best


def optimizer_of(model: nn.Module, hp: Any) -> torch.optim.Optimizer:
    if hp.optimizer == "muon":  # torch's own does not take kernels
        return Muon(model, hp.learning_rate, hp.weight_decay, torch.float32)
    made: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return made[hp.optimizer](model.parameters(), lr=hp.learning_rate, weight_decay=hp.weight_decay)


def train(
    model: nn.Module,
    loader: DataLoader[Any],
    loss_of: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler | None,
) -> None:
    """Train for an epoch."""
    model.train()
    device = next(model.parameters()).device
    for features, targets in loader:
        optimizer.zero_grad()
        loss = loss_of(model(features.to(device)), targets.to(device))
        loss.backward()
        optimizer.step()
        if isinstance(schedule, OneCycleLR):
            schedule.step()
    if isinstance(schedule, StepLR):
        schedule.step()


def evaluate(model: nn.Module, loader: DataLoader[Any], task: str) -> float:
    """Accuracy, or mean absolute error."""
    model.eval()
    total = 0.0
    rows = 0
    device = next(model.parameters()).device
    with torch.no_grad():
        for features, on_processor in loader:
            targets = on_processor.to(device)
            outputs: Tensor = model(features.to(device))
            if task == "classification":
                total += (outputs.argmax(dim=1) == targets).sum().item()
            else:
                total += (outputs - targets).abs().sum().item()
            rows += len(targets)
    return total / rows


def _affine(strength: float, degrees: float, shift: float, scale: float) -> Any:
    return transforms.RandomAffine(
        degrees * strength,
        translate=(shift * strength, shift * strength),
        scale=(1 - scale * strength, 1 + scale * strength),
    )


def _five_flowers(data_dir: Path, transform: Any) -> tuple[ConcatDataset[Any], list[int]]:
    """The official training and validation images of five classes, and their labels 0 to 4."""
    parts, labels = [], []
    for official in ("train", "val"):
        whole = Flowers102(data_dir, official, transform, target_transform=FLOWERS.index)
        chosen = [row for row, label in enumerate(whole._labels) if label in FLOWERS]
        parts.append(Subset(whole, chosen))
        labels += [FLOWERS.index(whole._labels[row]) for row in chosen]
    return ConcatDataset(parts), labels


def _split(
    training: Any, validation: Any, labels: Sequence[int], share: float, batch_size: int, seed: int
) -> Loaders:
    """Hold out a share or a number of rows, as many of each class as there are in the whole."""
    rows, held_out = train_test_split(
        range(len(labels)), test_size=share, random_state=seed, stratify=labels
    )
    return _loaders(Subset(training, rows), Subset(validation, held_out), batch_size)


def _loaders(training: Any, validation: Any, batch_size: int) -> Loaders:
    return (
        DataLoader(training, batch_size=batch_size, shuffle=True),
        DataLoader(validation, batch_size=256),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", help="flowers, housing, mnist, or the path of mnist_tenth.py")
    parser.add_argument("--trials", type=int, default=50, help="finished trials to end with")
    parser.add_argument("--seed", type=int, default=0, help="of the sampler, the split and torch")
    parser.add_argument("--data-dir", type=Path, help="folder of the raw data; housing needs none")
    parser.add_argument("--storage", default="sqlite:///plain.db")
    parser.add_argument("--device", default="cpu", help="that models train on: cpu or cuda")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="begin no trial after it")
    given = parser.parse_args()
    case = load_case(given.case)
    if given.data_dir is None and case.name != "housing":
        parser.error(f"{case.name} needs --data-dir")
    torch.manual_seed(given.seed)
    study = optuna.create_study(
        study_name=case.name,
        storage=given.storage,
        direction=case.direction,
        sampler=optuna.samplers.TPESampler(seed=given.seed),
        pruner=optuna.pruners.MedianPruner(),
        load_if_exists=True,
    )
    if not study.trials:
        study.enqueue_trial(asdict(case.baseline))
        study.enqueue_trial(asdict(case.recipe))
    finished = sum(trial.state.is_finished() for trial in study.trials)
    study.optimize(
        lambda trial: objective(trial, case, given.data_dir, given.seed, given.device),
        n_trials=max(given.trials - finished, 0),
        timeout=given.timeout,
    )
    print(f"best: {study.best_value:.4f}, trial {study.best_trial.number}")


if __name__ == "__main__":
    main()
