"""Which variables of a file both its loop and its `test` read: they may hold test rows."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tuner.case.syntax import syntax_of

if TYPE_CHECKING:
    from pathlib import Path


def read_by_both(path: Path, function: str, other: str) -> list[str]:
    """Return the file's own variables that two of its functions read, directly or indirectly.

    Functions, classes and imported names do not count: what they return is known only when they
    run.
    """
    tree = syntax_of(path.read_bytes())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    variables = {
        target.id
        for node in tree.body
        for target in _targets(node)
        if isinstance(target, ast.Name) and _may_be_rows(target.id, getattr(node, "value", None))
    }
    both = _read_by(function, functions) & _read_by(other, functions) & variables
    return sorted(both)


def _may_be_rows(name: str, value: ast.AST | None) -> bool:
    """Whether a variable may hold rows: uppercase constants do not, but X and Y may."""
    if not name.isupper() or "TEST" in name:
        return True
    is_letter = len(name) == 1 or not {"X", "Y"}.isdisjoint(name.split("_"))
    return is_letter and not isinstance(value, ast.Constant)


def _targets(node: ast.stmt) -> list[ast.AST]:
    if isinstance(node, ast.Assign):
        return [inner for target in node.targets for inner in ast.walk(target)]
    if isinstance(node, ast.AnnAssign):
        return [node.target]
    return []


def _read_by(name: str, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """Return the names that a function reads, including functions that it calls."""
    found: set[str] = set()
    waiting, seen = [name], set[str]()
    while waiting:
        one = waiting.pop()
        if one in seen or one not in functions:
            continue
        seen.add(one)
        own = {
            node.id
            for node in ast.walk(functions[one])
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        found |= own
        waiting += own
    return found
