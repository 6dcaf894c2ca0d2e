"""Commands of tuner as separate processes, without the seconds that each needs for imports.

They are forked from a process that has imported their modules and has done nothing else. After that
each is like a command that was started normally: it leads a session, has its own folder,
environment, output and fork server for its workers, and ends as an interpreter does. The start of a
command is tested by starting one with `subprocess`.
"""

from __future__ import annotations

import atexit
import functools
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from multiprocessing import util
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from tests.waiting import SECONDS_TO_HANG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
SERVE = "from tests.forked import serve; serve(int(__import__('sys').argv[1]))"
_SPAWN = util.spawnv_passfds
COMMANDS = ("study", "ablate", "report", "retrain", "verify")


class Forked:
    """`python -u -m MODULE WORDS`, forked.

    Args:
        words: module and arguments.
        cwd: its working directory.
        env: its environment.
        streams: descriptors of its standard input, output and errors; they stay open here.
    """

    def __init__(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], streams: Sequence[int]
    ) -> None:
        self.returncode: int | None = None
        asking, self._status = socket.socketpair()
        told = json.dumps({"words": words, "cwd": str(cwd), "env": dict(env)}).encode()
        with asking:
            socket.send_fds(_server(), [len(told).to_bytes(4)], [asking.fileno(), *streams])
            _server().sendall(told)
        self.pid = int.from_bytes(self._status.recv(4))

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = int.from_bytes(self._status.recv(4), signed=True)
            self._status.close()
        return self.returncode

    def wait(self, timeout: float = SECONDS_TO_HANG) -> int:
        """Wait for its end, and return its exit status.

        Raises:
            subprocess.TimeoutExpired: it has not ended in time.
        """
        if self.returncode is None:
            select.select([self._status], [], [], timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired("a command", timeout)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, as the system does if memory runs out."""
        self.send_signal(signal.SIGKILL)


class Command(Forked):
    """The same with pipes for its output; used like a `subprocess.Popen` with text."""

    def __init__(self, words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        nothing = os.open(os.devnull, os.O_RDONLY)
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        its = (nothing, its_out, its_err)
        super().__init__(words, cwd, env, its)
        for one in its:
            os.close(one)
        self.stdout: TextIO = os.fdopen(out, encoding="utf-8")
        self.stderr: TextIO = os.fdopen(err, encoding="utf-8")

    def communicate(self, timeout: float = SECONDS_TO_HANG) -> tuple[str, str]:
        """Return its remaining output, after waiting for its end."""
        said: dict[TextIO, str] = {}
        streams = (self.stdout, self.stderr)
        readers = [Thread(target=lambda of=one: said.update({of: of.read()})) for one in streams]
        for reader in readers:
            reader.daemon = True
            reader.start()
        self.wait(timeout)
        for reader, stream in zip(readers, streams, strict=True):
            reader.join(timeout)
            stream.close()
        return said[self.stdout], said[self.stderr]


class Job(Forked):
    """The same for the process of a job in the service, which makes it with a `subprocess.Popen`.

    Args:
        words: those of Python; the last one is the module.
        stdin: a pipe.
        stdout: file to which its output and its errors go.
        options: the others, of which all but the environment hold for every command here.
    """

    def __init__(self, words: Sequence[str], stdin: int, stdout: BinaryIO, **options: Any) -> None:
        assert stdin == subprocess.PIPE
        its, ours = os.pipe()
        env = options["env"] or os.environ
        super().__init__(words[-1:], Path.cwd(), env, (its, stdout.fileno(), stdout.fileno()))
        os.close(its)
        self.stdin = os.fdopen(ours, "wb")


@functools.cache
def _server() -> socket.socket:
    """Return our end of a socket to the process that forks commands; it ends with this one."""
    ours, its = socket.socketpair()
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with its:
        server = subprocess.Popen(
            [sys.executable, "-u", "-c", SERVE, str(its.fileno())],
            pass_fds=[its.fileno()],
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def serve(fileno: int) -> None:
    """Fork requested commands until the socket closes; in a forked process, become the command."""
    from tuner.engines.forking import IMPORTED

    for module in (*(f"tuner.commands.{name}" for name in COMMANDS), "tuner.runs.study", *IMPORTED):
        import_module(module)
    asked = socket.socket(fileno=fileno)
    while True:
        size, fds, _, _ = socket.recv_fds(asked, 4, 4)
        if not size:
            return
        told = json.loads(_whole(asked, int.from_bytes(size)))
        if os.fork() == 0 and not _watches(socket.socket(fileno=fds[0])):
            asked.close()
            _become(fds[1:], **told)
            return
        for one in fds:
            os.close(one)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _whole(asked: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += asked.recv(size - len(found))
    return found


def _watches(told: socket.socket) -> bool:
    """Fork a command, and report its process id and exit status; return False in the command."""
    pid = os.fork()
    if pid == 0:
        told.close()
        return False
    told.sendall(pid.to_bytes(4))
    _, status = os.waitpid(pid, 0)
    told.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
    os._exit(0)


def _become(streams: Sequence[int], words: Sequence[str], cwd: str, env: dict[str, str]) -> None:
    os.setsid()
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", write_through=True)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = cwd
    sys.argv = ["", *words[1:]]
    util.spawnv_passfds = _fork_server  # type: ignore[assignment]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def _fork_server(path: bytes, args: Sequence[Any], fds: Sequence[int]) -> int:
    """Also fork the fork server of its workers, before it has done anything but import."""
    if "forkserver" not in args[-1]:
        return _SPAWN(path, args, fds)
    pid = os.fork()
    if pid:
        return pid
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    last = 3
    for fd in (*sorted(fds), os.sysconf("SC_OPEN_MAX")):
        os.closerange(last, fd)
        last = fd + 1
    try:
        exec(args[-1], {})
    finally:
        os._exit(1)
