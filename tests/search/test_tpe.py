"""The sampler with a cache draws the same as Optuna's own."""

from __future__ import annotations

import random

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from tuner.search.sampler import Samplers
from tuner.seeds import derive
from tuner.study.samplers import ONE_BY_ONE

OPTIMIZERS = ("adam", "adamw", "sgd")
AT_ONCE = 4


def suggest(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    depth = trial.suggest_int("depth", 1, 6)
    optimizer = trial.suggest_categorical("optimizer", OPTIMIZERS)
    momentum = trial.suggest_float("momentum", 0, 1) if optimizer == "sgd" else 0.5
    width = trial.suggest_int("width", 16, 256, step=16) if trial.number % 3 else 16
    trial.suggest_float("constant", 1, 1)
    return abs(rate - 0.01) + abs(depth - 4) / 10 + momentum / 5 + abs(width - 64) / 640


def drawn(*, maximize: bool, remember: bool) -> list[dict[str, object]]:
    """Return the parameters of a study; some trials run at once, are pruned or fail."""
    luck, samplers = random.Random(0), Samplers(ONE_BY_ONE)
    study = optuna.create_study(direction="maximize" if maximize else "minimize")
    study.enqueue_trial({"rate": 0.05, "depth": 2, "optimizer": "adam"})
    running: list[tuple[optuna.Trial, float]] = []
    for number in range(90):
        study.sampler = (
            samplers(7, number, {})
            if remember
            else TPESampler(seed=derive(7, "sampler", number), multivariate=False)
        )
        trial = study.ask()
        running.append((trial, suggest(trial)))
        if len(running) == AT_ONCE:
            ends, value = running.pop(luck.randrange(AT_ONCE))
            how = luck.random()
            for stage in range(1, 3 if how < 0.5 else 20):
                ends.report(value + luck.random() / 100, stage)
            if how < 0.5:
                study.tell(ends, state=TrialState.PRUNED)
            elif how < 0.55:
                study.tell(ends, state=TrialState.FAIL)
            else:
                study.tell(ends, value)
    return [trial.params for trial in study.trials]


@pytest.mark.slow
@pytest.mark.parametrize("maximize", [True, False])
def test_what_it_draws_is_what_tpe_draws(maximize: bool) -> None:
    ours = drawn(maximize=maximize, remember=True)
    assert ours == drawn(maximize=maximize, remember=False)
    assert len({parameters["rate"] for parameters in ours}) == len(ours)


def test_what_is_fixed_is_not_drawn() -> None:
    study, samplers = optuna.create_study(), Samplers(ONE_BY_ONE)
    for number in range(30):
        study.sampler = samplers(7, number, {"depth": 5})
        trial = study.ask()
        study.tell(trial, suggest(trial))
    assert {trial.params["depth"] for trial in study.trials} == {5}
    assert {trial.params["optimizer"] for trial in study.trials} == set(OPTIMIZERS)
