"""What a case file says of its search space, read and not run: in milliseconds, without torch.

Only what is written plainly is read: `trial.suggest_...("name", ...)` in the function that the file
hands to `Case(suggest=...)`. Where a name is computed, or the trial is passed to another function,
nothing is said, and the case has to be imported to know.
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any

from tuner.case.assignments import Drawn

if TYPE_CHECKING:
    from pathlib import Path

ORDER = ("low", "high", "step")  # of the arguments after the name, as far as they may stand


def outline_of(path: Path) -> dict[str, Drawn | None] | None:
    """Return what each hyperparameter of a case file can be; None where the file does not tell.

    A value is None where the file computes what the hyperparameter can be.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # importing it will say so
            tree = ast.parse(path.read_bytes(), str(path))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    suggest = _suggest_of(tree)
    return None if suggest is None else _drawn_in(suggest)


def _suggest_of(tree: ast.Module) -> ast.FunctionDef | None:
    """Return the function that is handed to Case as `suggest`."""
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    named = [
        keyword.value.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "suggest" and isinstance(keyword.value, ast.Name)
    ]
    return functions.get(named[0]) if len(named) == 1 else None


def _drawn_in(suggest: ast.FunctionDef) -> dict[str, Drawn | None] | None:
    if len(suggest.args.args) != 1 or suggest.decorator_list:
        return None
    trial = suggest.args.args[0].arg
    found: dict[str, Drawn | None] = {}
    uses = sum(isinstance(node, ast.Name) and node.id == trial for node in ast.walk(suggest))
    for call in ast.walk(suggest):
        if not (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == trial
        ):
            continue
        uses -= 1
        name = call.args[0] if call.args else None
        if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
            return None
        drawn = _drawn_by(call.func.attr, call)
        if name.value in found and found[name.value] != drawn:
            drawn = None  # drawn in two ways
        found[name.value] = drawn
    return None if uses else found


def _drawn_by(method: str, call: ast.Call) -> Drawn | None:
    try:
        values: list[Any] = [ast.literal_eval(one) for one in call.args[1:]]
        named = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
        if method == "suggest_categorical":
            return Drawn(choices=tuple(values[0] if values else named["choices"]))
        told = dict(zip(ORDER, values, strict=False)) | named
        whole = method == "suggest_int"
        if not whole and method != "suggest_float":
            return None
        step = told.get("step", 1 if whole else None)
        return Drawn(None, told["low"], told["high"], step, whole)
    except (ValueError, TypeError, KeyError, IndexError, MemoryError, RecursionError):
        return None
