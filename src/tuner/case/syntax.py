"""The syntax of a Python file, read and not run."""

from __future__ import annotations

import ast
import threading
import warnings

# Python 3.11 counts how deep a tree is for all threads together: two that are built at once end in
# "SystemError: AST constructor recursion depth mismatch" (python/cpython#106905). And the filters
# of warnings are the process's, so only one thread at a time may change them and set them back.
_ONE_AT_A_TIME = threading.Lock()


def syntax_of(content: bytes) -> ast.Module:
    """Return the syntax tree of a file; what Python warns of in it is left to running it.

    Raises:
        SyntaxError: it is not Python.
        ValueError: it has a byte that no Python file has.
        RecursionError: it is nested too deeply.
        MemoryError: it is nested far too deeply.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(content)
