"""One call of a loop, in a process of its own: seeds, a folder, its output, and what it came to."""

from __future__ import annotations

import inspect
import os
import random
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from optuna import TrialPruned

from tuner.case.loading import import_file
from tuner.data.tensors import save_tensors
from tuner.errors import CaseError
from tuner.own.loops.current import Call, begin
from tuner.own.loops.events import Outcome
from tuner.own.loops.reading import NoScoreError, score_of, score_of_yields, tested, yielded
from tuner.own.loops.trial import make_trial

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from tuner.case.metric import Direction
    from tuner.own.loops.trial import Channel, LoopTrial

MODEL = "model.safetensors"  # weights of a module that a loop returns
TEST = "test"  # the function that scores on test rows what a loop returns


def call(
    path: Path,
    function: str,
    channel: Channel,
    *,
    number: int,
    seed: int,
    direction: Direction,
    folder: Path,
    test: bool = False,
) -> Outcome | None:
    """Call a loop once; return what it came to, or None where it gave up: it raised TrialPruned.

    Args:
        number: of the trial.
        folder: that exists, for what the loop writes.
        test: whether its test rows are opened.

    Raises:
        Exception: whatever the loop raises, and SystemExit.
        NoScoreError: it came to no score.
        DivergedError: its score is not a finite number.
    """
    begin(Call(seed, folder))
    module = import_file(path)
    loop = getattr(module, function, None)
    if not callable(loop):
        raise CaseError(f"{path}: {function} is not a function")
    set_seeds(seed)
    trial, storage = make_trial(channel, number, direction)
    try:
        result = loop(trial)
        if inspect.isgenerator(result):
            value, result = _follow(result, trial, storage)
        else:
            value, result = score_of(result), None
    except TrialPruned:
        return None
    found = _tested(module, result, direction) if test else None
    if isinstance(result, torch.nn.Module):
        save_tensors(result.state_dict(), folder / MODEL)
    files = tuple(
        sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
    )
    return Outcome(value, trial.params, found, files)


def set_seeds(seed: int) -> None:
    """Seed the generators that a loop may draw from without saying so."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _follow(loop: Generator[Any, Any, Any], trial: LoopTrial, storage: Any) -> tuple[float, Any]:
    """Run a generator; return its score, and what it returned.

    Raises:
        TrialPruned: it was told to end early, and has been closed.
    """
    values: list[float] = []
    while True:
        try:
            said = next(loop)
        except StopIteration as end:
            return score_of_yields(values), end.value
        value, storage.further = yielded(said)
        values.append(value)
        trial.report(value, len(values))
        if trial.should_prune():
            loop.close()
            raise TrialPruned


def _tested(module: Any, result: Any, direction: str) -> Any:
    """Return what was done on test rows; None where the loop has none."""
    function: Callable[[Any], Any] | None = getattr(module, TEST, None)
    if function is None and (result is None or isinstance(result, torch.nn.Module)):
        return None
    if function is not None and result is None:
        raise NoScoreError(
            "no test score: the file has a function `test`, and the loop returns nothing to test; "
            "return the model at its end"
        )
    return tested(function(result) if function is not None else result, direction)


def quieten() -> None:
    """Have Optuna and Python warn a loop as they would, without a word at its start."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("default")


def into_file(path: Path) -> None:
    """Send what this process prints from now on into a file, its children's prints included."""
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)
