"""Names of metrics, checked without torch, so that a mistyped one is refused at once."""

from __future__ import annotations

from tuner.errors import unknown_name

OWN = ("accuracy", "brier_score", "exact_match", "jaccard", "log_loss", "macro_f1", "mae", "mse")


def check_metric(name: str) -> None:
    """Refuse a name that no metric of any task has.

    Raises:
        UsageError: neither tuner nor scikit-learn has it.
    """
    if name in OWN:
        return
    from sklearn.metrics import get_scorer_names  # which does not import torch

    listed = get_scorer_names()
    if name not in listed and f"neg_{name}" not in listed:
        raise unknown_name("metric", "metrics", name, {*OWN, *listed})
