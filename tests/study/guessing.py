"""Cases with their own guesses, or with a model that tuner does not know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tuner import Hyperparameters

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner.study.configuration import StudyConfig


def with_guesses(config: StudyConfig, guesses: Any) -> StudyConfig:
    """Return the config with other guesses in its case."""
    return replace(config, case=replace(config.case, guesses=guesses))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHyperparameters(Hyperparameters):
    """Hyperparameters of a model that tuner does not know."""

    heads: int = 2
    epochs: int = 4


def own_case(config: StudyConfig, suggest: Any, **changes: Any) -> StudyConfig:
    """Return the config with a model that tuner does not know; it is never built."""
    case = replace(
        config.case,
        baseline=OwnHyperparameters(),
        recipe=OwnHyperparameters(heads=4),
        suggest=suggest,
        guesses=None,
        **changes,
    )
    return replace(config, case=case)


def suggest_own(trial: BaseTrial) -> OwnHyperparameters:
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    return OwnHyperparameters(
        heads=trial.suggest_int("heads", 1, 8),
        learning_rate=trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True),
        step_lr=step_lr,
        one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
    )
