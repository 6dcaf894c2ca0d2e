"""Your own training loop, as a plain Optuna objective.

It runs as it is, by itself or with tuner, which adds a baseline to beat, fresh seeds and a report:

    python FILE
    tuner study FILE:objective --trials 20

It does not use tuner. Replace the parts marked HERE with your own code.
"""

from __future__ import annotations

import optuna
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch import nn

# tuner reads these four before it runs the file, so write plain values.
DIRECTION = "maximize"  # HERE: "maximize" if higher scores are better, else "minimize"
METRIC = "accuracy"  # HERE: the name of the score
BASELINE = {"width": 32, "learning_rate": 0.001, "dropout": 0.0}  # HERE: what you use today
RECIPE = {"width": 32, "learning_rate": 0.003, "dropout": 0.3}  # HERE: what a textbook would do
# You can also write GUESSES = [{"width": 64}, ...]: they are tried before the search begins.
EPOCHS = 15


def rows() -> list[torch.Tensor]:
    """HERE: your data: features and targets for training, and for validation."""
    features, classes = make_classification(600, 12, n_informative=6, flip_y=0.1, random_state=0)
    parts = train_test_split(features, classes, test_size=0.3, random_state=0, stratify=classes)
    kinds = (torch.float32, torch.float32, torch.int64, torch.int64)
    return [torch.from_numpy(part).to(kind) for part, kind in zip(parts, kinds, strict=True)]


def objective(trial: optuna.Trial) -> float:
    """HERE: train once with the values that the trial suggests, and return the score."""
    width = trial.suggest_int("width", 8, 128, log=True)
    learning_rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    dropout = trial.suggest_float("dropout", 0.0, 0.5)
    features, held_out, targets, answers = rows()
    model = nn.Sequential(nn.Linear(12, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    score = 0.0
    for epoch in range(1, EPOCHS + 1):
        model.train()
        for batch in torch.randperm(len(features)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(features[batch]), targets[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            score = (model(held_out).argmax(dim=1) == answers).float().mean().item()
        trial.report(score, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return score


if __name__ == "__main__":
    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=10)
    print(study.best_params, study.best_value)
