"""Silences Optuna's own messages."""

from __future__ import annotations

import warnings

import optuna


def quieten_optuna() -> None:
    """Make Optuna report only errors."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # case.space.remarks says this once, before the search.
    warnings.filterwarnings("ignore", message="The distribution is specified by")
