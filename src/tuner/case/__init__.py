"""The contract of a case: its data, model, baseline, recipe and search space."""

from tuner.case.contract import Case, Hyperparameters, Shape

__all__ = ["Case", "Hyperparameters", "Shape"]
