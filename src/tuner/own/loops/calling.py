"""Makes one call of a loop in a process of its own, with seeds, a folder and its output."""

from __future__ import annotations

import inspect
import io
import os
import random
import resource
import sys
import warnings
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from optuna import TrialPruned

from tuner.case.loading import import_file
from tuner.data.tensors import save_tensors
from tuner.errors import CaseError
from tuner.own.loops.current import Call, begin
from tuner.own.loops.events import Again, Outcome, ShouldPrune
from tuner.own.loops.reading import NoScoreError, score_of, score_of_yields, tested, yielded
from tuner.own.loops.shared_files import SharedFiles
from tuner.own.loops.trial import make_trial, middle

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tuner.case.metric import Direction
    from tuner.own.loops.events import Question, Told
    from tuner.own.loops.trial import Channel, LoopTrial

MODEL = "model.safetensors"  # weights of a module that a loop returns
AT_IMPORT = 0  # seed for draws of a file on import, such as a split: the same for each call
NO_MODEL = object()  # of a loop that returns its score
TEST = "test"  # the function that scores a loop's result on test rows


def call(
    path: Path,
    function: str,
    channel: Channel,
    *,
    number: int,
    seed: int,
    direction: Direction,
    folder: Path,
    output: Path,
    since: float,
    test: bool = False,
    repeats: int = 0,
) -> Outcome | None:
    """Call a loop once; return its result, or None if it raised TrialPruned.

    Args:
        number: of the trial.
        folder: existing folder for the loop's files.
        output: another folder for this call alone, which is removed after it.
        since: time at which the first call of the loop began, in seconds since 1970.
        test: whether its test rows are opened.
        repeats: number of further calls after that, to see what one call leaves to the next.

    Raises:
        Exception: anything that the loop raises, and SystemExit.
        NoScoreError: it has no score.
        DivergedError: its score is not a finite number.
    """
    begin(Call(seed, folder))
    shared = SharedFiles((Path.cwd(), path.parent), (folder, output), since)
    sys.argv[:] = [str(path)]  # as if the file were a script: a loop may read its arguments
    set_seeds(AT_IMPORT)
    module = import_file(path)
    loop = getattr(module, function, None)
    if not callable(loop):
        raise CaseError(f"{path}: {function} is not a function")
    trial, storage = make_trial(channel, number, direction)
    try:
        value, model = _run(loop, trial, storage, seed)
    except TrialPruned:
        return None
    found = _tested(module, model, direction) if test and model is not NO_MODEL else None
    if isinstance(model, torch.nn.Module):
        save_tensors(model.state_dict(), folder / MODEL)
    files = tuple(
        sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
    )
    memory, names = _memory(), shared.names()
    answers = _Known(storage.given)
    again = tuple(
        _again(module, loop, make_trial(answers, number, direction), seed) for _ in range(repeats)
    )
    return Outcome(value, dict(storage.given), found, files, memory, again, names)


class _Known:
    """Answers a call like the one before it, and ignores its reports."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = params

    def tell(self, told: Told) -> None:
        """Do nothing."""

    def ask(self, question: Question) -> Any:
        """Return the same answer as before."""
        if isinstance(question, ShouldPrune):
            return False
        known = self._params.get(question.name)
        return middle(question.distribution) if known is None else known


def _run(
    loop: Callable[[LoopTrial], Any], trial: LoopTrial, storage: Any, seed: int
) -> tuple[float, Any]:
    """Call a loop; return its score, and for a generator its return value, else `NO_MODEL`."""
    set_seeds(seed)
    result = loop(trial)
    if inspect.isgenerator(result):
        return _follow(result, trial, storage)
    return score_of(result), NO_MODEL


def _again(
    module: Any, loop: Callable[[LoopTrial], Any], made: tuple[LoopTrial, Any], seed: int
) -> Again:
    """Call a loop once more in this process, and record what has grown."""
    before = _sizes(module)
    try:
        value: float | None = _run(loop, *made, seed)[0]
    except Exception:  # a failure of the second call is reported as a call without a score
        value = None
    after = _sizes(module)
    grown = tuple(sorted(name for name, size in after.items() if size > before.get(name, size)))
    return Again(value, _memory(), grown)


def _sizes(module: Any) -> dict[str, int]:
    """Return the sizes of a module's variables: elements of collections or of tensors."""
    found = {}
    for name, value in vars(module).items():
        if isinstance(value, torch.Tensor):
            found[name] = value.numel()
        elif isinstance(value, list | dict | set | bytearray | deque | np.ndarray):
            found[name] = len(value)
    return found


def _memory() -> int:
    """Return the peak memory of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def set_seeds(seed: int) -> None:
    """Seed the global random generators, which a loop may use without notice."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _follow(loop: Generator[Any, Any, Any], trial: LoopTrial, storage: Any) -> tuple[float, Any]:
    """Run a generator; return its score and its return value.

    Raises:
        TrialPruned: it was told to end early, and was closed.
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


class CrashedTestError(Exception):
    """The function `test` has raised the cause of this; it would do so in each call."""


def _tested(module: Any, result: Any, direction: str) -> Any:
    """Return the result on test rows; None if the loop has no function for it."""
    function: Callable[[Any], Any] | None = getattr(module, TEST, None)
    if not _takes_one(function):
        function = None  # an unrelated `test`, as in a usual training script
    if function is None and (result is None or isinstance(result, torch.nn.Module)):
        return None
    if function is not None and result is None:
        raise NoScoreError(
            "no test score: the file has a function `test`, and the loop returns nothing to test; "
            "return the model at its end"
        )
    try:
        said = function(result) if function is not None else result
    except (Exception, SystemExit) as error:
        raise CrashedTestError from error
    return tested(said, direction)


def _takes_one(function: object) -> bool:
    """Whether an object can be called with one argument."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # its signature is unknown
        return True
    return True


def quieten() -> None:
    """Show warnings of Optuna and Python as usual, but none of the messages at their start."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("default")


def into_file(path: Path) -> None:
    """Redirect everything that this process and its children print into a file.

    It is written line by line, because the last words of a killed or crashed process matter most.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)
