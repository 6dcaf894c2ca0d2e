"""Reserves standard output for a command's result, for programs that read it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT, ERR = 1, 2  # file descriptors


@contextmanager
def results_alone() -> Iterator[None]:
    """Redirect everything printed in this context to standard error, such as a case file's output.

    This covers Python's `print`, C code, and started programs. Compute the result inside this
    context, and write it to standard output afterwards.
    """
    with redirect_stdout(sys.stderr), _redirected_descriptor():
        yield


@contextmanager
def _redirected_descriptor() -> Iterator[None]:
    try:
        elsewhere = os.dup(ERR)
    except OSError:  # closed by the program that started this one
        elsewhere = os.open(os.devnull, os.O_WRONLY)
    try:
        kept = os.dup(OUT)
    except OSError:
        os.close(elsewhere)
        yield
        return
    os.dup2(elsewhere, OUT)
    os.close(elsewhere)
    try:
        yield
    finally:
        os.dup2(kept, OUT)
        os.close(kept)
