"""Reads the search space of a case file without running it: in milliseconds, without torch.

It reads only plain calls: `trial.suggest_...("name", ...)` in the function that the file passes to
`Case(suggest=...)`. If a name is computed, or the trial is passed to another function, the outline
is unknown, and the case has to be imported.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tuner.case.assignments import Drawn
from tuner.case.syntax import syntax_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LOOPS = ("objective", "train")  # usual names of the function of a loop
ORDER = ("low", "high", "step")  # of the positional arguments after the name
# Importing the file tells which of these errors it was, and why.
UNREADABLE = (OSError, ValueError, SyntaxError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Contents:
    """The definitions in a file, as far as they can be read.

    Attributes:
        may_have_case: whether it may define CASE.
        loops: names of its functions that can be called with a trial, usual names first.
        says_direction: whether it says in which direction their score is better.
    """

    may_have_case: bool
    loops: tuple[str, ...] = ()
    says_direction: bool = False


def contents_of(path: Path) -> Contents:
    """Return the definitions in a file; an unreadable file may have a case."""
    try:
        tree = syntax_of(path.read_bytes())
    except UNREADABLE:
        return Contents(may_have_case=True)
    names = {
        name
        for node in ast.walk(tree)
        for name in (
            getattr(node, "id", None),  # a name
            getattr(node, "value", None) if isinstance(node, ast.Constant) else None,
            *(one.asname or one.name for one in getattr(node, "names", ()) if hasattr(one, "name")),
        )
        if isinstance(name, str)
    }
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    loops = _loops_among(functions)
    may_have_case = "*" in names or any("CASE" in name for name in names)
    return Contents(may_have_case, loops, "DIRECTION" in names)


def _loops_among(functions: Iterable[ast.FunctionDef]) -> tuple[str, ...]:
    """Return the names of functions that can be called with a trial, usual names first.

    Beside an `objective(trial)`, a `train(epoch)` is a helper of it.
    """
    taking = [one for one in functions if _takes_a_trial(one)]
    usual = [one for one in taking if one.name in LOOPS]
    sure = [one.name for one in usual if needed_arguments(one)[0].arg == "trial"]
    others = [one.name for one in taking if one.name not in LOOPS]
    return (*(sure or [one.name for one in usual]), *others)


def _takes_a_trial(function: ast.FunctionDef) -> bool:
    """Whether a function has one required argument, and that can be a trial."""
    needed = needed_arguments(function)
    return len(needed) == 1 and (needed[0].arg == "trial" or function.name in LOOPS)


def needed_arguments(function: ast.FunctionDef) -> list[ast.arg]:
    """Return the required positional arguments of a function."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    return arguments[: len(arguments) - len(function.args.defaults)]


def outline_of(path: Path) -> Mapping[str, Drawn | None] | None:
    """Return what each hyperparameter of a case file can be; None if the file does not show it.

    A value is None if the file computes what the hyperparameter can be. An unchanged file is parsed
    once: a server is asked for the same few files again and again.
    """
    try:
        return _outline_in(path.read_bytes())
    except UNREADABLE:
        return None


@lru_cache(maxsize=256)
def _outline_in(content: bytes) -> Mapping[str, Drawn | None] | None:
    suggest = _suggest_of(syntax_of(content))
    return None if suggest is None else _drawn_in(suggest)


def _suggest_of(tree: ast.Module) -> ast.FunctionDef | None:
    """Return the function that is passed to Case as `suggest`."""
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
        found[name.value] = _joined(found.get(name.value, drawn), drawn)
    return None if uses else found


def _joined(one: Drawn | None, other: Drawn | None) -> Drawn | None:
    """Return the union of both, like `tuner.case.space.joined`; None if their kinds differ."""
    if one is None or other is None or one == other:
        return other if one == other else None
    same = one.whole == other.whole and one.step == other.step
    if one.choices is not None or other.choices is not None or not same or one.low != other.low:
        return None
    return replace(one, high=max(one.high, other.high))


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
