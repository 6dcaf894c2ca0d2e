"""Optuna's own messages, of which a run needs few."""

from __future__ import annotations

import warnings

import optuna


def quieten_optuna() -> None:
    """Have Optuna report only what goes wrong."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Said once, before the search: case.space.remarks.
    warnings.filterwarnings("ignore", message="The distribution is specified by")
