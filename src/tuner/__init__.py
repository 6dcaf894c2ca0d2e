"""Hyperparameter search for PyTorch models that says what it can prove."""

__version__ = "0.1.0"
