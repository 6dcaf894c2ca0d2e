"""The shape of Optuna's own example for PyTorch: layers, units and an optimizer by name.

Nothing of it knows tuner; `python studies/examples/optuna_pytorch.py` runs it with Optuna alone.

    tuner study studies/examples/optuna_pytorch.py:objective --direction maximize --trials 30
"""

from __future__ import annotations

import optuna
import torch
import torch.nn.functional as F  # noqa: N812 - as people write it
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

BATCHSIZE = 64
CLASSES = 10
EPOCHS = 8
N_TRAIN_EXAMPLES = 1000


def define_model(trial):
    n_layers = trial.suggest_int("n_layers", 1, 3)
    layers = []
    in_features = 8 * 8
    for i in range(n_layers):
        out_features = trial.suggest_int(f"n_units_l{i}", 4, 128)
        layers.append(nn.Linear(in_features, out_features))
        layers.append(nn.ReLU())
        p = trial.suggest_float(f"dropout_l{i}", 0.2, 0.5)
        layers.append(nn.Dropout(p))
        in_features = out_features
    layers.append(nn.Linear(in_features, CLASSES))
    layers.append(nn.LogSoftmax(dim=1))
    return nn.Sequential(*layers)


def get_digits():
    x, y = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(x / 16).float(), torch.tensor(y))
    train = torch.utils.data.Subset(data, range(N_TRAIN_EXAMPLES))
    valid = torch.utils.data.Subset(data, range(N_TRAIN_EXAMPLES, len(data)))
    return (
        DataLoader(train, batch_size=BATCHSIZE, shuffle=True),
        DataLoader(valid, batch_size=BATCHSIZE),
    )


def objective(trial):
    model = define_model(trial)
    optimizer_name = trial.suggest_categorical("optimizer", ["Adam", "RMSprop", "SGD"])
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    optimizer = getattr(optim, optimizer_name)(model.parameters(), lr=lr)
    train_loader, valid_loader = get_digits()
    accuracy = 0.0
    for epoch in range(EPOCHS):
        model.train()
        for data, target in train_loader:
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
        model.eval()
        correct = 0
        with torch.no_grad():
            for data, target in valid_loader:
                pred = model(data).argmax(dim=1, keepdim=True)
                correct += pred.eq(target.view_as(pred)).sum().item()
        accuracy = correct / len(valid_loader.dataset)
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.exceptions.TrialPruned()
    return accuracy


if __name__ == "__main__":
    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=20)
    print("Best value:", study.best_value, "with", study.best_params)
