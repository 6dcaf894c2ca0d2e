"""The process of one call of a loop: its questions and reports go through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tuner.case.loading import module_name
from tuner.case.reference import parts_of_loop
from tuner.case.source import source_of
from tuner.engines.cards import see_only
from tuner.engines.forking import once_the_parent_is_gone
from tuner.engines.job import Failed, Finished, LoopJob
from tuner.errors import CaseError, DivergedError, TrainingError, UsageError
from tuner.machine import be_ended_first
from tuner.own.loops.calling import CrashedTestError, call, into_file, quieten
from tuner.own.loops.events import Answer, Question, ShouldPrune, Told
from tuner.own.loops.setting import check_value
from tuner.own.loops.trial import middle
from tuner.training.blame import blame, trace_of
from tuner.training.device import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

LAST_LINES = 20  # of a loop's printed output, kept if it crashes
MOST_BYTES = 20_000  # of these lines


def last_lines(path: Path) -> str:
    """Return the last lines that a call has printed; empty if there are none."""
    with suppress(OSError):
        return "\n".join(
            path.read_bytes()[-MOST_BYTES:].decode(errors="replace").splitlines()[-LAST_LINES:]
        )
    return ""


class _EngineGoneError(BaseException):
    """Nobody waits for the call any more; a loop that handles errors does not handle this one."""


@contextmanager
def _while_the_engine_is_there() -> Iterator[None]:
    """Tell the end of the pipe from errors of the loop's own files and connections."""
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        raise _EngineGoneError from error


@dataclass(slots=True)
class _Pipe:
    """The connection of a call to its engine.

    Attributes:
        preset: values for the hyperparameters it asks for; None to ask the engine.
        preset_in: where a person has written these; empty if they need no check.
    """

    pipe: Connection
    preset: dict[str, Any] | None
    preset_in: str
    owner: int

    def tell(self, told: Told) -> None:
        """Send a report."""
        self._refuse_children()
        with _while_the_engine_is_there():
            self.pipe.send(told)

    def ask(self, question: Question) -> Any:
        """Send a question and return the answer."""
        self._refuse_children()
        if self.preset is not None:
            if isinstance(question, ShouldPrune):
                return False
            if question.name in self.preset:
                if self.preset_in:
                    check_value(question, self.preset[question.name], f"{self.preset_in} ")
                return self.preset[question.name]
            return middle(question.distribution)
        with _while_the_engine_is_there():
            self.pipe.send(question)
            answer: Answer = self.pipe.recv()
        return answer.value

    def _refuse_children(self) -> None:
        """Exit from a process that a loop has forked and not ended: it is not a second trial."""
        if os.getpid() != self.owner:
            os._exit(1)


def serve(pipe: Connection, job: LoopJob, output: Path, card: str | None, since: float) -> None:
    """Make one call, and send its result."""
    os.setsid()  # so that the processes it starts end with it
    # Otherwise a loop that reports nothing for hours would notice late that the engine is gone.
    once_the_parent_is_gone(lambda: _end(output))
    if card is not None:
        see_only(card)
    be_ended_first()
    torch.set_num_threads(job.plan.threads)
    into_file(output / "printed")
    quieten()
    _let_it_have_processes(job, output)
    began = time.perf_counter()
    preset = None if job.preset is None else dict(job.preset)
    channel = _Pipe(pipe, preset, job.preset_in, os.getpid())
    event: Finished | Failed
    try:
        event = _called(job, channel, output, began, since)
    except _EngineGoneError:
        return
    except TrainingError as error:
        event = Failed(str(error), diverged=isinstance(error, DivergedError))
    except SystemExit as error:
        reason = f"crashed: it called sys.exit({error.code!r})"
        event = Failed(reason, crashed=True, traceback=trace_of(error))
    except BaseException as error:
        event = _crashed(error, last_lines(output / "printed"))
    if os.getpid() == channel.owner:
        with suppress(OSError):
            pipe.send(event)
        pipe.close()
    os._exit(0)  # so that threads and exit handlers of the loop do not delay the end


def _end(output: Path) -> None:
    """End this call and the processes that it has started."""
    shutil.rmtree(output, ignore_errors=True)
    os.killpg(os.getpid(), signal.SIGKILL)


def _let_it_have_processes(job: LoopJob, output: Path) -> None:
    """Let a loop start processes as its own script would, such as a DataLoader's workers.

    By default, a process forked from a server would start its own in the same way, and each would
    import torch again. A process that imports anew begins with the main module of its parent: here
    the loop's file, with the modules beside it importable. Without that, it would die for lack of
    them, and a pool would start the next one for ever.
    """
    multiprocessing.set_start_method(None, force=True)  # back to Python's default
    path = parts_of_loop(job.loop)[0].resolve()
    folder = output / "modules"
    folder.mkdir()
    text = "from pathlib import Path\nfrom tuner.case.loading import import_file\n"
    text += f"import_file(Path({str(path)!r}))\n"
    name = module_name(path)
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    sys.path.append(str(folder))  # child processes inherit it
    sys.modules["__main__"].__spec__ = ModuleSpec(name, None)


def _called(job: LoopJob, channel: _Pipe, output: Path, began: float, since: float) -> Finished:
    path, function = parts_of_loop(job.loop)
    if job.source is not None and source_of(job.loop).digest != job.source:
        raise CaseError(
            f"{path} or a module beside it was edited while the study ran; run the same command "
            "again, and it says what that means"
        )
    outcome = call(
        path,
        function,
        channel,
        number=job.number,
        seed=job.seed,
        direction=job.direction,
        folder=job.folder or Path(tempfile.mkdtemp(dir=output)),
        output=output,
        since=since,
        test=job.test,
        repeats=job.repeats,
    )
    return Finished(time.perf_counter() - began, outcome)


def _crashed(raised: BaseException, printed: str) -> Failed:
    in_test = isinstance(raised, CrashedTestError)
    error = (in_test and raised.__cause__) or raised
    lacks_memory = is_out_of_memory(error)
    may_pass = lacks_memory or isinstance(error, OSError)
    may_pass = may_pass and not isinstance(error, FileNotFoundError)
    said = f"\nIt printed last:\n{printed}" if printed else ""
    is_told = isinstance(error, CaseError | UsageError)
    reason = str(error) if is_told else f"crashed: {blame(error)}"
    first = (isinstance(error, CaseError) and error.__cause__) or error  # on import
    return Failed(
        reason,
        may_pass=may_pass,
        out_of_memory=lacks_memory,
        crashed=not (may_pass or in_test or is_told),
        traceback=trace_of(first) + said,
    )
