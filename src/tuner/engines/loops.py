"""Loops of the user's own, each call in a process of its own.

A loop is other people's code: it may exit, crash, fork, change the folder, keep globals or leak.
In a process that serves one call nothing of that reaches the next, so what a call gives depends on
its hyperparameters and its seed alone, with any number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tuner.case.loading import module_name
from tuner.case.reference import parts_of_loop
from tuner.case.source import source_of
from tuner.engines.forking import CAN_FORK, FORKSERVER, start_importing, without_interrupts
from tuner.engines.job import Failed, Finished, LoopJob
from tuner.engines.remote import LostError, Remote, RemoteEngine
from tuner.errors import CaseError, DivergedError, TrainingError
from tuner.own.loops.calling import call, into_file, quieten
from tuner.own.loops.events import Answer, Question, ShouldPrune, Suggest, Told
from tuner.own.loops.trial import middle
from tuner.training.blame import blame, trace_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

    from tuner.engines.job import LoopEvent

SECONDS_OF_SILENCE = 1800.0  # a loop that says nothing for so long, and is waited for, hangs
SECONDS_TO_LEAVE = 2.0
LAST_LINES = 20  # of what a loop has printed, kept where it crashes
MOST_BYTES = 20_000  # of these lines


class LoopEngine(RemoteEngine[LoopJob, Question | Told]):
    """Calls loops, each in a new process.

    Questions that a call asks are answered with `answer`. Where a process is lost, the call begins
    once more in another, and gets the answers that the first one got.

    Args:
        slots: how many calls at once.
        patience: seconds of silence after which a call that is waited for counts as hung.
        cards: GPUs that the calls share evenly: each sees one, by CUDA_VISIBLE_DEVICES.
    """

    def __init__(self, slots: int, patience: float = SECONDS_OF_SILENCE, cards: int = 0) -> None:
        super().__init__(slots, patience)
        self._cards = cards
        self._answers: dict[int, list[Any]] = {}
        self._begun = 0

    def start(self, key: int, job: LoopJob) -> None:
        """Begin a call, or let it wait for a slot."""
        self._answers[key] = []
        super().start(key, job)

    def answer(self, key: int, value: Any) -> None:
        """Answer the question that a call asked last."""
        self._answers[key].append(value)
        remote = self._fits[key].remote
        if isinstance(remote, _Call):
            remote.send(value)

    def stop(self, key: int) -> None:
        """Give up a call: its process is ended."""
        self._answers.pop(key, None)
        super().stop(key)

    def _begin(self, job: LoopJob) -> _Call:
        key = next(key for key, fit in self._fits.items() if fit.job is job)
        card = self._begun % self._cards if self._cards else None
        self._begun += 1
        return _Call(job, list(self._answers[key]), card)

    def _ready(self, remotes: Sequence[Remote], timeout: float) -> list[_Call]:
        calls = {one.pipe: one for one in remotes if isinstance(one, _Call)}
        return [calls[pipe] for pipe in connection.wait(calls, timeout)]  # type: ignore[index]


class _Call:
    """A call in its process, seen from this end of the pipe.

    Args:
        known: answers to its first questions, of a call that begins again.
        card: the GPU that it sees; None: all there are.
    """

    begun = True

    def __init__(self, job: LoopJob, known: list[Any], card: int | None) -> None:
        context: BaseContext = FORKSERVER
        if not CAN_FORK or torch.cuda.is_available():
            context = multiprocessing.get_context("spawn")
        else:
            start_importing()
        self._known = known
        self._output = Path(tempfile.mkdtemp(prefix="tuner-loop-"))
        self.pipe, theirs = context.Pipe()
        # No daemon: a loop may have processes of its own, as a DataLoader has.
        self.process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(theirs, job, self._output, card), daemon=False
        )
        with without_interrupts():
            self.process.start()
        theirs.close()

    def receive(self) -> LoopEvent | None:
        """Return what the call has said.

        Raises:
            LostError: its process was killed.
        """
        try:
            event: LoopEvent = self.pipe.recv()
        except (EOFError, OSError) as end:
            self.process.join(SECONDS_TO_LEAVE)
            code, said = self.process.exitcode, self._last_lines()
            self.abandon()
            if code in {None, -signal.SIGKILL, -signal.SIGTERM}:
                raise LostError(f"ended with exit code {code}; -9 is often lack of memory") from end
            return Failed(f"crashed: its process ended with {_in_words(code)}", traceback=said)
        if isinstance(event, Suggest | ShouldPrune) and self._known:
            self.send(self._known.pop(0))
        if isinstance(event, Finished | Failed):
            self.abandon()
        return event

    def send(self, value: Any) -> None:
        """Answer its question; that it is gone, receiving tells."""
        with suppress(OSError):
            self.pipe.send(Answer(value))

    def stop(self) -> None:
        """End it."""
        self.abandon()

    def abandon(self) -> None:
        """End its process, with those that it has started."""
        self.pipe.close()
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGTERM)  # type: ignore[arg-type]  # it was started
        self.process.join(SECONDS_TO_LEAVE)
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)  # type: ignore[arg-type]
        self.process.kill()
        self.process.join()
        shutil.rmtree(self._output, ignore_errors=True)

    def _last_lines(self) -> str:
        return last_lines(self._output / "printed")


def last_lines(path: Path) -> str:
    """Return the last lines of what a call has printed; empty where there are none."""
    with suppress(OSError):
        return "\n".join(
            path.read_bytes()[-MOST_BYTES:].decode(errors="replace").splitlines()[-LAST_LINES:]
        )
    return ""


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


@dataclass(slots=True)
class _Pipe:
    """The way from a call to the engine that runs it.

    Attributes:
        preset: values for what it asks for; None: they are asked for.
    """

    pipe: Connection
    preset: dict[str, Any] | None
    owner: int

    def tell(self, told: Told) -> None:
        """Say something."""
        self._refuse_children()
        self.pipe.send(told)

    def ask(self, question: Question) -> Any:
        """Ask something; return the answer."""
        self._refuse_children()
        if self.preset is not None:
            if isinstance(question, ShouldPrune):
                return False
            if question.name in self.preset:
                return self.preset[question.name]
            return middle(question.distribution)
        self.pipe.send(question)
        answer: Answer = self.pipe.recv()
        return answer.value

    def _refuse_children(self) -> None:
        """End a process that a loop has forked and not ended: it is not a second trial."""
        if os.getpid() != self.owner:
            os._exit(1)


def _serve(pipe: Connection, job: LoopJob, output: Path, card: int | None) -> None:
    """Make one call, and say how it went."""
    os.setsid()  # so that processes of its own end with it
    threading.Thread(target=_end_with_parent, args=(output,), daemon=True).start()
    if card is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(card)
    torch.set_num_threads(job.plan.threads)
    into_file(output / "printed")
    quieten()
    _let_it_have_processes(job, output)
    began = time.perf_counter()
    folder = job.folder or Path(tempfile.mkdtemp(dir=output))
    preset = None if job.preset is None else dict(job.preset)
    channel = _Pipe(pipe, preset, os.getpid())
    event: Finished | Failed
    try:
        event = _called(job, channel, folder, began)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody listens any more
    except TrainingError as error:
        event = Failed(str(error), diverged=isinstance(error, DivergedError))
    except SystemExit as error:
        event = Failed(f"crashed: it called sys.exit({error.code!r})", traceback=trace_of(error))
    except BaseException as error:
        event = _crashed(error, last_lines(output / "printed"))
    if os.getpid() == channel.owner:
        with suppress(OSError):
            pipe.send(event)
        pipe.close()
    os._exit(0)  # threads and handlers of the loop do not hold the process


def _end_with_parent(output: Path) -> None:
    """Wait until the parent process is gone, killed perhaps; then end this call and its processes.

    A loop that reports nothing for hours would notice only then that nobody listens.
    """
    if (parent := multiprocessing.parent_process()) is not None:
        connection.wait([parent.sentinel])
        shutil.rmtree(output, ignore_errors=True)
        os.killpg(os.getpid(), signal.SIGKILL)


def _let_it_have_processes(job: LoopJob, output: Path) -> None:
    """Let a loop start processes as its own script would: a DataLoader's workers, a pool's.

    A process that was forked from a server makes its own in that way too, unless it is told not to:
    each would import torch again. One that imports anew looks for the loop's file by its name.
    """
    multiprocessing.set_start_method(None, force=True)  # Python's own default again
    path = parts_of_loop(job.loop)[0].resolve()
    folder = output / "modules"
    folder.mkdir()
    text = "from pathlib import Path\nfrom tuner.case.loading import import_file\n"
    text += f"import_file(Path({str(path)!r}))\n"
    (folder / f"{module_name(path)}.py").write_text(text, encoding="utf-8")
    sys.path.append(str(folder))  # it is handed on to them


def _called(job: LoopJob, channel: _Pipe, folder: Path, began: float) -> Finished:
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
        folder=folder,
        test=job.test,
        repeats=job.repeats,
    )
    return Finished(time.perf_counter() - began, outcome)


def _crashed(error: BaseException, printed: str) -> Failed:
    may_pass = isinstance(error, MemoryError | OSError | torch.OutOfMemoryError)
    may_pass = may_pass and not isinstance(error, FileNotFoundError)
    said = f"\nIt printed last:\n{printed}" if printed else ""
    reason = str(error) if isinstance(error, CaseError) else f"crashed: {blame(error)}"
    return Failed(reason, may_pass=may_pass, traceback=trace_of(error) + said)
