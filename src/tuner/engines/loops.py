"""Runs users' own loops, each call in a process of its own.

A loop is other people's code: it may exit, crash, fork, change the folder, keep globals or leak.
With one process per call, none of that reaches the next call. So the result of a call depends only
on its hyperparameters and its seed, with any number of workers.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from contextlib import suppress
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.engines.forking import starting, worker_context
from tuner.engines.job import Failed, Finished, LoopJob
from tuner.engines.loop_process import last_lines, serve
from tuner.engines.remote import LostError, Remote, RemoteEngine
from tuner.own.loops.events import Answer, Question, ShouldPrune, Suggest, Told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.process import BaseProcess

    from tuner.engines.job import LoopEvent

SECONDS_OF_SILENCE = 1800.0  # a loop that is waited for and silent for this long hangs
SECONDS_TO_LEAVE = 2.0


class LoopEngine(RemoteEngine[LoopJob, Question | Told]):
    """Calls loops, each in a new process.

    A call's questions are answered with `answer`. If its process is lost, the call begins once more
    in a new one, and gets the same answers as the first time.

    Args:
        slots: number of calls at once.
        patience: seconds of silence after which a call that is waited for counts as hung.
        cards: names of the GPUs; each call sees one, of those with the fewest calls.
    """

    retries_alone = False

    def __init__(
        self, slots: int, patience: float = SECONDS_OF_SILENCE, cards: Sequence[str] = ()
    ) -> None:
        super().__init__(slots, patience)
        self._cards = cards
        self._answers: dict[int, list[Any]] = {}
        self._since = time.time()

    def start(self, key: int, job: LoopJob) -> None:
        """Begin a call, or queue it for a slot."""
        self._answers[key] = []
        super().start(key, job)

    def answer(self, key: int, value: Any) -> None:
        """Answer the last question of a call."""
        self._answers[key].append(value)
        remote = self._fits[key].remote
        if isinstance(remote, _Call):
            remote.send(value)

    def stop(self, key: int) -> None:
        """Stop a call by ending its process."""
        self._answers.pop(key, None)
        super().stop(key)

    def _begin(self, job: LoopJob) -> _Call:
        key = next(key for key, fit in self._fits.items() if fit.job is job)
        return _Call(job, list(self._answers[key]), self._free_card(), self._since)

    def _free_card(self) -> str | None:
        """Return the GPU with the fewest calls, which may have ended in any order."""
        calls = Counter(one.card for one in self._at_work() if isinstance(one, _Call))
        return min(self._cards, key=lambda card: calls[card], default=None)

    def _ready(self, remotes: Sequence[Remote], timeout: float) -> list[_Call]:
        calls = {one.pipe: one for one in remotes if isinstance(one, _Call)}
        return [calls[pipe] for pipe in connection.wait(calls, timeout)]  # type: ignore[index]


class _Call:
    """A call in its process, seen from the engine's end of the pipe.

    Args:
        known: answers to its first questions, if it begins again.
        card: name of the GPU that it sees; None for all.
        since: time at which the first attempt began, in seconds since 1970.
    """

    begun = True

    def __init__(self, job: LoopJob, known: list[Any], card: str | None, since: float) -> None:
        context = worker_context()
        self.card, self._known = card, known
        self._output = Path(tempfile.mkdtemp(prefix="tuner-loop-"))
        self.pipe, theirs = context.Pipe()
        # Not a daemon: a loop may start processes of its own, as a DataLoader does.
        self.process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=serve, args=(theirs, job, self._output, card, since), daemon=False
        )
        with starting():
            self.process.start()
        theirs.close()

    def receive(self) -> LoopEvent | None:
        """Return the call's next event.

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
            reason = f"crashed: its process ended with {_in_words(code)}"
            return Failed(reason, crashed=True, traceback=said)
        if isinstance(event, Suggest | ShouldPrune) and self._known:
            self.send(self._known.pop(0))
        if isinstance(event, Finished | Failed):
            self.abandon()
        return event

    def send(self, value: Any) -> None:
        """Answer its question; if the process is gone, `receive` reports it."""
        with suppress(OSError):
            self.pipe.send(Answer(value))

    def stop(self) -> None:
        """End its process."""
        self.abandon()

    def abandon(self) -> None:
        """End its process and those that it has started."""
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


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
