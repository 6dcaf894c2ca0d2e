"""Priors: where good values of hyperparameters usually lie, by name, from textbooks.

They were written from published recipes before any was tried on a shipped case, and have not been
tuned on one since; `studies/guesses` shows how well they work on other data. Each module names the
sources of its values. A rule of thumb has no better source than common practice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.models.cnn import CNNHyperparameters
from tuner.models.mlp import MLPHyperparameters
from tuner.models.priors.cnn import cnn_priors
from tuner.models.priors.mlp import mlp_priors
from tuner.models.priors.training import training_priors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.contract import Hyperparameters
    from tuner.models.priors.kinds import Prior
    from tuner.models.priors.situation import Situation


def priors_for(baseline: Hyperparameters, situation: Situation) -> Mapping[str, Prior]:
    """Return the priors of hyperparameters, by name.

    Args:
        baseline: of the case; its class determines the family of models.
        situation: the data and the optimizer, on which the values depend.
    """
    if isinstance(baseline, CNNHyperparameters):
        return cnn_priors(situation)
    if isinstance(baseline, MLPHyperparameters):
        return mlp_priors(situation)
    return training_priors(situation)


def optimizer_for(baseline: Hyperparameters, choices: Sequence[object]) -> str | None:
    """Return the best known optimizer among some; None if nothing is known about them.

    Args:
        baseline: of the case; its class determines the family of models.
    """
    ranked = ("muon", "adamw") if isinstance(baseline, CNNHyperparameters) else ("adamw",)
    return next((one for one in ranked if one in choices), None)


def is_known_family(baseline: Hyperparameters) -> bool:
    """Whether a case's models belong to a family that tuner builds itself."""
    return isinstance(baseline, CNNHyperparameters | MLPHyperparameters)
