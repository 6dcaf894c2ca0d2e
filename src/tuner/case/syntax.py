"""Parses a Python file without running it."""

from __future__ import annotations

import ast
import threading
import warnings

# Python 3.11 counts the depth of a tree for all threads together: two at once end in "SystemError:
# AST constructor recursion depth mismatch" (python/cpython#106905). Filters of warnings also belong
# to the whole process, so only one thread at a time may change and restore them.
_ONE_AT_A_TIME = threading.Lock()


def syntax_of(content: bytes) -> ast.Module:
    """Return the syntax tree of a file, without Python's warnings, which running it will show.

    Raises:
        SyntaxError: it is not Python.
        ValueError: it has a byte that no Python file has.
        RecursionError: it is nested too deeply.
        MemoryError: it is nested far too deeply.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(content)
