"""Finds, without running a loop's file, whether it runs Optuna itself or sets constraints."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def own_study(tree: ast.Module, function: str) -> str:
    """Return the line in which importing the file runs a search of the loop; empty if none does.

    It is looked for at the top level of the file, and in functions that are called there.
    """
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for call in _calls(tree.body):
        if _searches(call, function):
            return _in_words(call)
        called = defined.get(getattr(call.func, "id", ""))
        for inner in _calls(called.body if called else ()):
            if _searches(inner, function):
                return _in_words(inner)
    return ""


def own_constraints(tree: ast.Module) -> str:
    """Return the line in which a sampler gets a function of constraints; empty if none does.

    It is not needed here if the file sets constraints itself, with `trial.set_constraint`.
    """
    if any(getattr(node, "attr", "") == "set_constraint" for node in ast.walk(tree)):
        return ""
    for call in ast.walk(tree):
        for one in call.keywords if isinstance(call, ast.Call) else ():
            if one.arg == "constraints_func" and not isinstance(one.value, ast.Constant):
                return f"line {one.value.lineno}: {one.arg}={ast.unparse(one.value)}"
    return ""


def _calls(body: Sequence[ast.stmt]) -> Iterator[ast.Call]:
    """Yield the calls that statements make when they run as part of an import."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS) or (isinstance(node, ast.If) and _asks_for_main(node.test)):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def _asks_for_main(test: ast.expr) -> bool:
    return any(getattr(node, "id", "") == "__name__" for node in ast.walk(test))


def _searches(call: ast.Call, function: str) -> bool:
    """Whether a call is `study.optimize(function, ...)`."""
    given = [*call.args, *(one.value for one in call.keywords)]
    is_method = isinstance(call.func, ast.Attribute) and call.func.attr == "optimize"
    return is_method and any(getattr(one, "id", "") == function for one in given)


def _in_words(call: ast.Call) -> str:
    return f"line {call.lineno}: {ast.unparse(call)}"
