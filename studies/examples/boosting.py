"""scikit-learn's gradient boosting, as an Optuna objective that reports on the way.

tuner study studies/examples/boosting.py:objective --trials 30
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

import tuner

if TYPE_CHECKING:
    from optuna import Trial

DIRECTION = "minimize"
METRIC = "log loss"
BASELINE = {"learning_rate": 0.1, "max_leaf_nodes": 31, "l2": 0.0, "columns": 1.0}
STEPS, TREES = 5, 20


def objective(trial: Trial) -> float:
    """Grow trees, twenty at a time, and report the loss on validation rows after each step."""
    x, y = load_breast_cancer(return_X_y=True)
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    model = HistGradientBoostingClassifier(
        learning_rate=trial.suggest_float("learning_rate", 0.01, 0.5, log=True),
        max_leaf_nodes=trial.suggest_int("max_leaf_nodes", 4, 64, log=True),
        l2_regularization=trial.suggest_float("l2", 0.0, 10.0),
        max_features=trial.suggest_float("columns", 0.2, 1.0),
        early_stopping=False,
        warm_start=True,
        random_state=tuner.seed(),
    )
    loss = float("inf")
    for step in range(STEPS):
        model.set_params(max_iter=TREES * (step + 1))
        model.fit(x, y)
        loss = log_loss(y_valid, model.predict_proba(x_valid))
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss
