"""How a command ends: its exit status, and one line for what went wrong."""

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
INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


def run(
    main: Callable[[Sequence[str] | None], int],
    status_of: Callable[[Exception], int] = lambda _: REFUSED,
) -> NoReturn:
    """Run a command to its exit status: an error of tuner's is one line on stderr, and 2.

    Args:
        status_of: exit status where an error of tuner's or of the system ends it.
    """
    atexit.register(_list_no_leaks)  # the first of them, so it is called last
    # Imports make a million objects, all of which stay: half a second would go into collecting.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as cleanly as by Ctrl-C
    sys.unraisablehook = come_again
    try:
        status = _ended(main, status_of)
        _insist_from_now_on()
    except KeyboardInterrupt:  # the second one, which came before the first one was dealt with
        _insist_from_now_on()
        status = INTERRUPTED
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # or the interpreter looks through all of them again before it ends: over a second
    sys.exit(status)


def _ended(
    main: Callable[[Sequence[str] | None], int], status_of: Callable[[Exception], int]
) -> int:
    """Run a command; return its exit status, and say in a line what went wrong."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may have what no text can
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _refuse_another_encoding(sys.argv[1:])
        status = main(None)
        if sys.stdout is not None:  # closed by the program that started this one
            sys.stdout.flush()
    except TunerError as error:
        print(f"tuner: {error}", file=sys.stderr)
        return status_of(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has left
        _give_up_output()
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        _give_up_output()
        reason = f"{error}. Finished work is kept. Fix the problem and run the same command again."
        print(f"tuner: {reason}", file=sys.stderr)
        return status_of(error)
    return status


def _give_up_output() -> None:
    """Drop output that cannot be written: the interpreter's flush at exit must not complain."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _write_nowhere(sys.stdout.fileno())


def _refuse_another_encoding(words: Sequence[str]) -> None:
    """Refuse words in UTF-8 of a shell whose locale has another encoding: no file has these names.

    Raises:
        UsageError: there is one.
    """
    for word in words:
        typed = os.fsencode(word)
        try:
            meant = typed.decode()
        except UnicodeDecodeError:
            continue  # a name that is not UTF-8, which is refused where it is used
        if meant != word and not word.isprintable():
            raise UsageError(
                f"{typed!r} is UTF-8, and the locale of this shell is not "
                f"({sys.getfilesystemencoding()}); run the same command again with PYTHONUTF8=1 or "
                "LANG=C.UTF-8 before it"
            )


def _list_no_leaks() -> None:
    """Close stderr to triton 3.9, which would list as leaks what was frozen."""
    if "triton" in sys.modules:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        _write_nowhere(2)


def _write_nowhere(descriptor: int) -> None:
    """Have what is written to a descriptor from now on dropped."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _insist_from_now_on() -> None:
    """Let the interpreter come to its end, unless somebody asks for it twice more."""
    presses = itertools.count()

    def insist(_number: int, _frame: object) -> None:
        if next(presses):
            os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, insist)
