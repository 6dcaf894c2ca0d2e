"""Problems to measure samplers on: cheap, without noise, all to be minimised.

Eight are formulas, which were looked at while the sampler was built (`FITTED`). Seven train a small
model of scikit-learn on a small table, and give what it does on rows left out; these were measured
once it stood (`HELD_OUT`).

A score is normalised: 0 is the best of 2,000 random draws, 1 their median. `baselines.json` keeps
both, `python studies/search/problems.py` makes it again (some minutes).
"""

from __future__ import annotations

import json
import math
import warnings
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.samplers import RandomSampler
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna import Trial

DRAWS = 2000
KEPT = Path(__file__).parent / "baselines.json"
SCALERS = {
    "none": lambda: None,
    "standard": StandardScaler,
    "range": MinMaxScaler,
    "quantile": lambda: QuantileTransformer(n_quantiles=50, random_state=0),
}


@cache
def table(name: str, rows: int = 300) -> tuple[Any, ...]:
    """Training and validation features, training and validation targets."""
    made: dict[str, Callable[[], Any]] = {
        "digits": lambda: datasets.load_digits(return_X_y=True),
        "cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "friedman1": lambda: datasets.make_friedman1(600, noise=0.5, random_state=0),
        "friedman3": lambda: datasets.make_friedman3(600, noise=0.1, random_state=0),
        "linear": lambda: datasets.make_regression(600, 10, n_informative=6, random_state=3),
    }
    features, targets = made[name]()
    if name in {"digits", "linear"}:
        features = features / features.std()
    if name in {"diabetes", "linear"}:
        targets = (targets - targets.mean()) / targets.std()
    parts = train_test_split(features, targets, train_size=rows, random_state=0)
    return tuple(part[:600] for part in parts)


def _error(model: Any, name: str, rows: int = 300) -> float:
    train, held, target, truth = table(name, rows)
    return float(np.mean(model.fit(train, target).predict(held) != truth))


def _mae(model: Any, name: str, rows: int = 300) -> float:
    train, held, target, truth = table(name, rows)
    predicted = model.fit(train, target).predict(held)
    return min(float(mean_absolute_error(truth, np.nan_to_num(predicted, nan=1e9))), 1e3)


def svm_digits(trial: Trial) -> float:
    kernel = trial.suggest_categorical("kernel", ("linear", "poly", "rbf", "sigmoid"))
    gamma = trial.suggest_float("gamma", 1e-4, 1e1, log=True) if kernel != "linear" else 1.0
    degree = trial.suggest_int("degree", 2, 5) if kernel == "poly" else 3
    shift = trial.suggest_float("coef0", -1, 2) if kernel in {"poly", "sigmoid"} else 0.0
    c = trial.suggest_float("C", 1e-3, 1e3, log=True)
    parts = trial.suggest_int("parts", 2, 60)
    model = SVC(C=c, kernel=kernel, gamma=gamma, degree=degree, coef0=shift)
    return _error(make_pipeline(PCA(parts, random_state=0), model), "digits")


def svr_diabetes(trial: Trial) -> float:
    model = SVR(
        C=trial.suggest_float("C", 1e-3, 1e2, log=True),
        epsilon=trial.suggest_float("epsilon", 1e-3, 1, log=True),
        kernel=trial.suggest_categorical("kernel", ("rbf", "sigmoid", "linear")),
        gamma=trial.suggest_float("gamma", 1e-4, 1e2, log=True),
        max_iter=2000,
    )
    scaler = SCALERS[trial.suggest_categorical("scaler", tuple(SCALERS))]()
    return _mae(make_pipeline(scaler, model) if scaler else model, "diabetes")


def ridge_friedman(trial: Trial) -> float:
    kernel = trial.suggest_categorical("kernel", ("rbf", "laplacian", "poly", "cosine"))
    gamma = trial.suggest_float("gamma", 1e-3, 1e2, log=True) if kernel != "cosine" else 1.0
    degree = trial.suggest_int("degree", 1, 5) if kernel == "poly" else 3
    scaler = SCALERS[trial.suggest_categorical("scaler", tuple(SCALERS))]()
    alpha = trial.suggest_float("alpha", 1e-6, 1e2, log=True)
    model = KernelRidge(alpha=alpha, kernel=kernel, gamma=gamma, degree=degree)
    return _mae(make_pipeline(scaler, model) if scaler else model, "friedman1", 150)


def trees_diabetes(trial: Trial) -> float:
    bootstrap = trial.suggest_categorical("bootstrap", (False, True))
    model = ExtraTreesRegressor(
        trial.suggest_int("trees", 4, 30),
        criterion=trial.suggest_categorical("criterion", ("squared_error", "friedman_mse")),
        max_depth=trial.suggest_int("depth", 1, 16),
        min_samples_leaf=trial.suggest_int("leaf", 1, 30, log=True),
        max_features=trial.suggest_float("features", 0.1, 1),
        bootstrap=bootstrap,
        max_samples=trial.suggest_float("samples", 0.2, 1) if bootstrap else None,
        random_state=0,
    )
    return _mae(model, "diabetes")


def _network(trial: Trial) -> dict[str, Any]:
    solver = trial.suggest_categorical("solver", ("adam", "sgd"))
    depth = trial.suggest_int("depth", 1, 3)
    width = trial.suggest_int("width", 4, 64, log=True)
    return {
        "solver": solver,
        "momentum": trial.suggest_float("momentum", 0, 0.99) if solver == "sgd" else 0.9,
        "hidden_layer_sizes": (width,) * depth,
        "activation": trial.suggest_categorical("activation", ("relu", "tanh", "logistic")),
        "learning_rate_init": trial.suggest_float("learning_rate", 1e-4, 0.3, log=True),
        "alpha": trial.suggest_float("decay", 1e-6, 1, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (16, 32, 64, 128)),
        "max_iter": trial.suggest_int("epochs", 3, 12),
        "n_iter_no_change": 100,
        "random_state": 0,
    }


def network_friedman(trial: Trial) -> float:
    try:
        return min(_mae(MLPRegressor(**_network(trial)), "friedman3"), 2.0)
    except ValueError:
        return 2.0


def linear_cancer(trial: Trial) -> float:
    penalty = trial.suggest_categorical("penalty", ("l1", "l2", "elasticnet"))
    rate = trial.suggest_categorical("rate", ("optimal", "constant", "invscaling", "adaptive"))
    model = SGDClassifier(
        loss=trial.suggest_categorical("loss", ("hinge", "log_loss", "modified_huber")),
        penalty=penalty,
        l1_ratio=trial.suggest_float("l1_ratio", 0, 1) if penalty == "elasticnet" else 0.15,
        alpha=trial.suggest_float("alpha", 1e-6, 1e-1, log=True),
        learning_rate=rate,
        eta0=trial.suggest_float("eta0", 1e-4, 1, log=True) if rate != "optimal" else 0.01,
        power_t=trial.suggest_float("power_t", 0.1, 0.9) if rate == "invscaling" else 0.5,
        max_iter=10,
        random_state=0,
    )
    return _error(make_pipeline(StandardScaler(), model), "cancer", 150)


def tree_linear(trial: Trial) -> float:
    model = DecisionTreeRegressor(
        criterion=trial.suggest_categorical("criterion", ("squared_error", "absolute_error")),
        splitter=trial.suggest_categorical("splitter", ("best", "random")),
        max_depth=trial.suggest_int("depth", 1, 12),
        min_samples_leaf=trial.suggest_int("leaf", 1, 50, log=True),
        max_features=trial.suggest_float("features", 0.1, 1),
        ccp_alpha=trial.suggest_float("pruning", 1e-5, 1e-1, log=True),
        random_state=0,
    )
    return _mae(model, "linear")


def bowl(trial: Trial) -> float:
    """A bowl that lies askew, with its place decided by a category."""
    kind = trial.suggest_categorical("kind", ("a", "b", "c"))
    rate = math.log10(trial.suggest_float("rate", 1e-5, 1e-1, log=True)) + 3
    decay = math.log10(trial.suggest_float("decay", 1e-6, 1e-1, log=True)) + 4
    depth = trial.suggest_int("depth", 1, 8) - 5
    drop = trial.suggest_float("drop", 0, 0.6)
    there = {"a": 0.0, "b": 0.8, "c": -0.7}[kind]
    askew = (rate - there + 0.3 * depth) ** 2 + 0.2 * (decay + rate) ** 2
    return math.sqrt(askew + (drop - 0.25) ** 2 * 4 + 0.02 * depth**2 + 0.2 * abs(there))


HARTMANN = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
PLACES = np.array(
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
)


def hartmann(trial: Trial) -> float:
    """Hartmann's function of six, two of them whole numbers, turned about by a category."""
    order = trial.suggest_categorical("order", ("as it is", "mirrored"))
    x = [trial.suggest_float(f"x{at}", 0, 1) for at in range(4)]
    x += [trial.suggest_int("x4", 0, 20) / 20, trial.suggest_int("x5", 0, 10) / 10]
    point = np.array(x) if order == "as it is" else 1.1 - np.array(x)
    inside = (HARTMANN * (point - PLACES) ** 2).sum(axis=1)
    return -float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-inside))


def valley(trial: Trial) -> float:
    """Rosenbrock's bent valley in four, one a whole number."""
    x = [trial.suggest_float(f"x{at}", -2, 2) for at in range(3)]
    x.append(trial.suggest_int("x3", -8, 8) / 4)
    pairs = pairwise(x)
    return math.log1p(sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairs))


def rugged(trial: Trial) -> float:
    """Rastrigin's many hollows, less deep, with two categories."""
    x = [trial.suggest_float(f"x{at}", -3, 3) - 0.7 for at in range(3)]
    x.append(trial.suggest_int("x3", -5, 5) / 2)
    one = trial.suggest_categorical("one", ("p", "q", "r", "s"))
    two = trial.suggest_categorical("two", (False, True))
    waves = sum(v * v + 1.5 * (1 - math.cos(2 * math.pi * v)) for v in x)
    return waves + {"p": 0, "q": 2, "r": 4, "s": 6}[one] * (1 if two else 0.5) + (0 if two else 1)


def branches(trial: Trial) -> float:
    """Three kinds of model, each with hyperparameters of its own."""
    kind = trial.suggest_categorical("kind", ("forest", "network", "linear"))
    scale = trial.suggest_float("scale", 0, 1)
    if kind == "forest":
        trees = math.log10(trial.suggest_int("trees", 10, 1000, log=True))
        leaf = trial.suggest_int("leaf", 1, 20)
        return 0.3 + 0.1 * (3 - trees) ** 2 + 0.02 * abs(leaf - 4) + 0.02 * scale
    if kind == "network":
        rate = math.log10(trial.suggest_float("rate", 1e-5, 1, log=True)) + 2.5
        width = math.log2(trial.suggest_int("width", 8, 512, log=True)) - 7
        shape = trial.suggest_categorical("shape", ("flat", "funnel"))
        best = 0.1 if shape == "funnel" else 0.18
        return min(best + 0.12 * rate**2 + 0.02 * (width + rate) ** 2 + (scale - 0.6) ** 2, 1.5)
    decay = math.log10(trial.suggest_float("decay", 1e-4, 1e2, log=True))
    return 0.4 + 0.05 * (decay - 0.5) ** 2 + 0.3 * (scale - 0.2) ** 2


def plateaus(trial: Trial) -> float:
    """Steps, and nothing between them to tell where the next goes down."""
    x, y = (trial.suggest_float(name, 0, 10) for name in "xy")
    n, m = (trial.suggest_int(name, 0, 12) for name in "nm")
    kind = trial.suggest_categorical("kind", ("a", "b", "c", "d"))
    there = {"a": 3, "b": 5, "c": 6, "d": 9}[kind]
    steps = abs(x - there) // 1.5 + abs(y + n - 9) // 2 + abs(m - there) // 2
    return steps + {"a": 1, "b": 0, "c": 2, "d": 1}[kind]


def cliff(trial: Trial) -> float:
    """As trainings are: the best learning rate is near the one at which nothing is learnt."""
    rate = math.log10(trial.suggest_float("rate", 1e-5, 1, log=True))
    batch = math.log2(trial.suggest_categorical("batch", (16, 32, 64, 128)))
    epochs = trial.suggest_int("epochs", 5, 100, step=5)
    optimizer = trial.suggest_categorical("optimizer", ("adam", "sgd"))
    momentum = trial.suggest_float("momentum", 0, 0.99) if optimizer == "sgd" else 0.0
    depth, norm = trial.suggest_int("depth", 1, 6), trial.suggest_categorical("norm", (False, True))
    drop = trial.suggest_float("drop", 0, 0.7)
    decay = math.log10(trial.suggest_float("decay", 1e-6, 1e-1, log=True))
    pace = (
        rate - 0.15 * (batch - 4) + (math.log10(1 / (1.01 - momentum)) - 1.5) * (optimizer == "sgd")
    )
    edge = -2.0 + 0.6 * norm - 0.1 * depth
    if pace > edge:
        return 0.9
    fitted = 0.85 * math.exp(-math.exp(0.9 * (pace + 3.2)) * epochs / 20)
    over = 0.03 * depth * max(0.0, 1 - drop / 0.4) + 0.02 * abs(decay + 3)
    return min(fitted + over + 0.06 * abs(depth - 4) + 0.2 * max(0, drop - 0.4), 0.9)


def idle(trial: Trial) -> float:
    """Nine, of which three matter, two of them together."""
    a = math.log10(trial.suggest_float("a", 1e-4, 1e0, log=True))
    b = trial.suggest_float("b", 0, 1)
    c = trial.suggest_categorical("c", ("u", "v", "w"))
    for at in range(3):
        trial.suggest_float(f"f{at}", 0, 1)
        trial.suggest_categorical(f"k{at}", ("0", "1", "2"))
    bend = (a + 2.2 - b) ** 2 + 0.5 * (b - 0.35) ** 2
    return 1 - math.exp(-bend) * {"u": 0.8, "v": 1.0, "w": 0.6}[c]


FITTED = {
    one.__name__: one for one in (bowl, hartmann, valley, rugged, branches, plateaus, cliff, idle)
}
HELD_OUT = {
    one.__name__: one
    for one in (
        *(svm_digits, svr_diabetes, ridge_friedman, trees_diabetes),
        *(network_friedman, linear_cancer, tree_linear),
    )
}
PROBLEMS: dict[str, Callable[[Trial], float]] = {**FITTED, **HELD_OUT}


def draw_at_random(problem: Callable[[Trial], float]) -> dict[str, float]:
    """The best and the median of random draws."""
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    study.optimize(problem, n_trials=DRAWS)
    values = [trial.value for trial in study.trials if trial.value is not None]
    return {"best": min(values), "median": float(np.median(values))}


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    kept = {name: draw_at_random(problem) for name, problem in PROBLEMS.items()}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
