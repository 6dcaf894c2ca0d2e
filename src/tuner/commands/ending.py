"""Ends a command with its exit status, and one line for an error."""

from __future__ import annotations

import atexit
import gc
import io
import itertools
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from tuner.errors import TunerError, UsageError
from tuner.interrupts import come_again

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OBJECTS_BETWEEN_COLLECTIONS = 50_000
REFUSED = 2
INTERRUPTED = 130  # the shell's status for a program ended by Ctrl-C


def run(
    main: Callable[[Sequence[str] | None], int],
    status_of: Callable[[Exception], int] = lambda _: REFUSED,
) -> NoReturn:
    """Run a command and exit: an error of tuner's is one line on stderr, with status 2.

    Args:
        status_of: exit status for an error of tuner's or of the system that ends it.
    """
    _open_what_is_closed()
    atexit.register(_list_no_leaks)  # registered first, so it is called last
    # Imports make a million objects that all stay: collecting garbage would take half a second.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as cleanly as by Ctrl-C
    sys.unraisablehook = come_again
    try:
        status = _ended(main, status_of)
        _insist_from_now_on()
    except KeyboardInterrupt:  # a second one, before the first was handled
        _insist_from_now_on()
        status = INTERRUPTED
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # otherwise the interpreter checks all of them again at its end, for over a second
    sys.exit(status)


def _ended(
    main: Callable[[Sequence[str] | None], int], status_of: Callable[[Exception], int]
) -> int:
    """Run a command; return its exit status, and print one line for an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may have bytes that are not text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _refuse_another_encoding(sys.argv[1:])
        status = main(None)
        sys.stdout.flush()
    except TunerError as error:
        print(f"tuner: {error}", file=sys.stderr)
        return status_of(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has ended
        _give_up_output()
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        _give_up_output()
        reason = f"{error}. Finished work is kept. Fix the problem and run the same command again."
        print(f"tuner: {reason}", file=sys.stderr)
        return status_of(error)
    return status


def _open_what_is_closed() -> None:
    """Open the standard streams that the program that started this one has closed.

    Python has None for such a stream, so what writes to it would fail. And its number would be that
    of the next file that is opened, into which a library's messages would go: in a worker, that is
    the pipe to this process.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: its own
            os.set_inheritable(descriptor, True)  # for workers, and what they start
            setattr(sys, name, os.fdopen(descriptor, mode, errors="backslashreplace"))


def _give_up_output() -> None:
    """Drop output that cannot be written, so that the interpreter's flush at exit does not fail."""
    try:
        sys.stdout.flush()
    except OSError:
        _write_nowhere(sys.stdout.fileno())


def _refuse_another_encoding(words: Sequence[str]) -> None:
    """Refuse words in UTF-8 if the locale has another encoding: no file has such names.

    Raises:
        UsageError: there is such a word.
    """
    for word in words:
        typed = os.fsencode(word)
        try:
            meant = typed.decode()
        except UnicodeDecodeError:
            continue  # a name that is not UTF-8 is refused where it is used
        if meant != word and not word.isprintable():
            raise UsageError(
                f"{typed!r} is UTF-8, and the locale of this shell is not "
                f"({sys.getfilesystemencoding()}); run the same command again with PYTHONUTF8=1 or "
                "LANG=C.UTF-8 before it"
            )


def _list_no_leaks() -> None:
    """Close stderr to triton 3.9, which would report the frozen objects as leaks."""
    if "triton" in sys.modules:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        _write_nowhere(2)


def _write_nowhere(descriptor: int) -> None:
    """Drop everything written to a descriptor from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _insist_from_now_on() -> None:
    """Ignore Ctrl-C while the interpreter finishes, until it is pressed twice more."""
    presses = itertools.count()

    def insist(_number: int, _frame: object) -> None:
        if next(presses):
            os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, insist)
