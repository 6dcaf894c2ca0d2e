"""A call of the library leaves the process as it was: what a command may change is put back."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import optuna
import torch

from tuner.runs.quiet import quieten_optuna
from tuner.training.randomness import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unaffected() -> Iterator[None]:
    """Put back torch's threads, all random generators, Optuna's logging and the warnings.

    Meanwhile Optuna reports only what goes wrong, as in a command.
    """
    threads, verbosity = torch.get_num_threads(), optuna.logging.get_verbosity()
    with undisturbed(), warnings.catch_warnings():
        quieten_optuna()
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            optuna.logging.set_verbosity(verbosity)
