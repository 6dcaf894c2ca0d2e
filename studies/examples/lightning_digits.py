"""Lightning's Trainer, with a callback that reports: no integration of Optuna's is needed.

pip install 'tuner[examples]'
tuner study studies/examples/lightning_digits.py:objective --trials 20
"""

from __future__ import annotations

import logging
import warnings

import lightning
import optuna
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tuner

DIRECTION = "maximize"
METRIC = "accuracy"
BASELINE = {"lr": 0.001, "width": 32, "dropout": 0.0}
EPOCHS = 6

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")


class Digits(lightning.LightningModule):
    """A small network for images of 8 by 8."""

    def __init__(self, lr: float, width: int, dropout: float) -> None:
        super().__init__()
        self.lr = lr
        layers = [nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10)]
        self.model = nn.Sequential(*layers)

    def training_step(self, batch, _index):
        x, y = batch
        return nn.functional.cross_entropy(self.model(x), y)

    def validation_step(self, batch, _index):
        x, y = batch
        self.log("accuracy", (self.model(x).argmax(dim=1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Report(lightning.Callback):
    """Tells the trial the score after each epoch, and ends the training where it has to."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def on_validation_end(self, trainer, _module):
        if trainer.sanity_checking:
            return
        self.trial.report(trainer.callback_metrics["accuracy"].item(), trainer.current_epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def loaders() -> tuple[DataLoader, DataLoader]:
    """Return batches to train on, and to validate on."""
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16).float(), torch.tensor(y)
    order = torch.Generator().manual_seed(tuner.seed())
    return (
        DataLoader(TensorDataset(x[:1200], y[:1200]), 64, shuffle=True, generator=order),
        DataLoader(TensorDataset(x[1200:], y[1200:]), 600),
    )


def objective(trial: optuna.Trial) -> float:
    """Train one configuration; return its accuracy on the validation rows."""
    model = Digits(
        lr=trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        width=trial.suggest_int("width", 8, 128, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
    )
    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        callbacks=[Report(trial)],
        default_root_dir=tuner.folder(),
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(model, *loaders())
    return trainer.callback_metrics["accuracy"].item()
