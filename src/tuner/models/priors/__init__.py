"""Where good values of hyperparameters usually lie, by name: what a textbook knows beforehand.

Written from published recipes before any of them was tried on a case that ships with tuner, and
not tuned on one since: `studies/guesses` shows what they are worth on other data. Each module says
where its values come from. A rule of thumb has no better source than common practice.
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
    """Return what is known beforehand of hyperparameters, by name.

    Args:
        baseline: of the case: its class tells the family of models.
        situation: what the values depend on.
    """
    if isinstance(baseline, CNNHyperparameters):
        return cnn_priors(situation)
    if isinstance(baseline, MLPHyperparameters):
        return mlp_priors(situation)
    return training_priors(situation)


def optimizer_for(baseline: Hyperparameters, choices: Sequence[object]) -> str | None:
    """Return which of some optimizers is known to do best; None: nothing is known of these.

    Args:
        baseline: of the case: its class tells the family of models.
    """
    ranked = ("muon", "adamw") if isinstance(baseline, CNNHyperparameters) else ("adamw",)
    return next((one for one in ranked if one in choices), None)


def is_known_family(baseline: Hyperparameters) -> bool:
    """Whether a case's models are of a family that tuner builds itself."""
    return isinstance(baseline, CNNHyperparameters | MLPHyperparameters)
