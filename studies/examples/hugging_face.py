"""A Hugging Face Trainer on a tiny model made here: nothing is downloaded.

pip install 'tuner[examples]'
tuner study studies/examples/hugging_face.py:objective --trials 10
"""

from __future__ import annotations

import optuna
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

import tuner

DIRECTION = "maximize"
METRIC = "accuracy"
BASELINE = {"lr": 5e-5, "layers": 1, "weight_decay": 0.0}
EPOCHS, LENGTH, WORDS = 4, 12, 20


class Sentences(torch.utils.data.Dataset):
    """Rows of random words; the class says whether word 3 comes before word 4."""

    def __init__(self, rows: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.words = torch.randint(5, WORDS, (rows, LENGTH), generator=draw)
        places = torch.stack([torch.randperm(LENGTH, generator=draw)[:2] for _ in range(rows)])
        self.words.scatter_(1, places, torch.tensor([3, 4]).expand(rows, 2))
        self.labels = (places[:, 0] < places[:, 1]).long()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index):
        return {"input_ids": self.words[index], "labels": self.labels[index]}


class Report(TrainerCallback):
    """Tells the trial the score after each evaluation, and ends the training where it has to."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def on_evaluate(self, _arguments, state, _control, metrics, **_):
        self.trial.report(metrics["eval_accuracy"], round(state.epoch))
        if self.trial.should_prune():
            raise optuna.TrialPruned


def accuracy(predicted):
    """Return the share of rows that are right."""
    return {"accuracy": float((predicted.predictions.argmax(-1) == predicted.label_ids).mean())}


def objective(trial: optuna.Trial) -> float:
    """Train one configuration; return its accuracy on the validation rows."""
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=32,
        num_attention_heads=2,
        num_hidden_layers=trial.suggest_int("layers", 1, 3),
        intermediate_size=64,
        max_position_embeddings=LENGTH,
    )
    arguments = TrainingArguments(
        output_dir=str(tuner.folder()),
        learning_rate=trial.suggest_float("lr", 1e-5, 1e-2, log=True),
        weight_decay=trial.suggest_float("weight_decay", 0.0, 0.1),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=200,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=tuner.seed(),
    )
    trainer = Trainer(
        model=BertForSequenceClassification(config),
        args=arguments,
        train_dataset=Sentences(600, seed=1),
        eval_dataset=Sentences(200, seed=2),
        compute_metrics=accuracy,
        callbacks=[Report(trial)],
    )
    trainer.train()
    return float(trainer.evaluate()["eval_accuracy"])
