"""Reads the facts in a loop's file without running it: the coordinator never imports it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.case.assignments import written_out
from tuner.case.outline import needed_arguments
from tuner.case.reference import parts_of_loop
from tuner.case.syntax import syntax_of
from tuner.errors import CaseError, unknown_name
from tuner.own.loops.own_study import own_constraints, own_study

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tuner.case.metric import Direction

NAMES = ("DIRECTION", "METRIC", "BASELINE", "RECIPE", "GUESSES")
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFile:
    """A loop, as its file describes it.

    Attributes:
        path: of the file.
        function: that is called with a trial.
        direction: in which its score is better; None if the file does not say.
        metric: name of its score.
        baseline: values to beat, by name; None if the file does not say.
        recipe: what a textbook would change by hand, if anything.
        guesses: configurations to try before the search draws, as values by name.
        has_test: whether the file has a function `test` that takes what the loop returns: a
            generator's model.
        other_test: why a function of that name does not take it, if so.
        own_study: where importing the file makes Optuna search the loop; empty if nowhere.
        constraints: where the file gives a sampler a function of constraints; empty if nowhere.
    """

    path: Path
    function: str
    direction: Direction | None = None
    metric: str | None = None
    baseline: dict[str, Any] | None = field(default=None)
    recipe: dict[str, Any] | None = field(default=None)
    guesses: tuple[dict[str, Any], ...] = ()
    has_test: bool = False
    other_test: str = ""
    own_study: str = ""
    constraints: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Messages on what differs from its author's expectations."""
        found = []
        if self.own_study:
            found.append(
                f"{self.path.name} runs a study of its own whenever it is imported "
                f"({self.own_study}), and each call of the loop imports it, so each takes as long "
                'as that whole study. Put that line under `if __name__ == "__main__":`'
            )
        if self.constraints:
            found.append(
                f"{self.path.name} gives its constraints to a sampler of Optuna "
                f"({self.constraints}), which is not used here, so a configuration that breaks "
                "them may be the best. Set them in the loop: trial.set_constraint(NAME, VALUE), "
                "with a value above 0 if it is broken"
            )
        return tuple(found)


def read_loop(reference: str) -> LoopFile:
    """Read the facts of a loop from its file: `train.py:objective`.

    Raises:
        CaseError: the file is missing or is not Python, or has an unusable setting.
        UsageError: it defines no function of that name.
    """
    path, function = parts_of_loop(reference)
    try:
        tree = syntax_of(path.read_bytes())
    except OSError as error:
        raise CaseError(f"no file {path}; name a Python file and a function: {path}:train") from (
            error
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CaseError(f"{path} is not Python: {error}") from error
    defined = dict(_defined(tree))
    if function not in defined:
        functions = [name for name, node in defined.items() if isinstance(node, ast.FunctionDef)]
        raise unknown_name("function", f"functions in {path.name}", function, functions)
    node = defined[function]
    if isinstance(node, ast.AsyncFunctionDef):
        raise CaseError(f"{path}:{function} is an async function; write it as a plain one")
    if wrong := _wrong_arguments(node):
        raise CaseError(
            f"{path}:{function} {wrong}; a loop is called with one, an Optuna trial. Write a "
            "function that takes a trial alone and calls this one, such as def objective(trial), "
            f"and name it: {path}:objective"
        )
    other_test = _other_test(node, defined["test"], defined) if "test" in defined else ""
    said = {name: _literal(path, name, defined[name]) for name in NAMES if name in defined}
    return LoopFile(
        path=path,
        function=function,
        direction=_direction(path, said.get("DIRECTION")),
        metric=_metric(path, said.get("METRIC")),
        baseline=_values(path, "BASELINE", said.get("BASELINE")),
        recipe=_values(path, "RECIPE", said.get("RECIPE")),
        guesses=_guesses(path, said.get("GUESSES")),
        has_test="test" in defined and not other_test,
        other_test=other_test,
        own_study=own_study(tree, function),
        constraints=own_constraints(tree),
    )


def _wrong_arguments(node: ast.AST) -> str:
    """Return what a function takes, if it cannot be called with only a trial; else empty.

    A decorator may supply arguments, so functions with a decorator are accepted.
    """
    if not isinstance(node, ast.FunctionDef) or node.decorator_list:
        return ""
    takes = node.args
    named = zip(takes.kwonlyargs, takes.kw_defaults, strict=True)
    needed = needed_arguments(node) + [one for one, default in named if default is None]
    if not needed and not (takes.posonlyargs or takes.args or takes.vararg):
        return "takes no argument"
    if len(needed) > 1 or (needed and needed[0] in takes.kwonlyargs):
        return f"takes {', '.join(one.arg for one in needed)}"
    return ""


def _other_test(loop: ast.AST, test: ast.AST, defined: Mapping[str, ast.AST]) -> str:
    """Return why `test` cannot score a loop's model; empty if it can, as far as is visible."""
    if not _may_yield(loop, defined):
        return "the loop yields no scores, so it returns its score and no model"
    if isinstance(test, ast.ClassDef | ast.AsyncFunctionDef | ast.Constant):
        return "it is no plain function"
    if isinstance(test, ast.FunctionDef):
        takes = test.args
        takes_any = takes.posonlyargs or takes.args or takes.vararg
        needed_by_name = any(default is None for default in takes.kw_defaults)
        if len(needed_arguments(test)) > 1 or needed_by_name or not takes_any:
            return "it does not take one argument"
    return ""


def _may_yield(loop: ast.AST, defined: Mapping[str, ast.AST]) -> bool:
    """Whether a loop is a generator, returns one of the file's, or cannot be analysed."""
    if not isinstance(loop, ast.FunctionDef):
        return True
    for node in _own_nodes(loop):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            helper = defined.get(getattr(node.value.func, "id", ""), loop)
            if helper is not loop and _may_yield(helper, {}):
                return True
    return False


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the statements of a function, without those of functions within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _defined(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that a module defines at its top level, with their values."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _named(target, node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, node) for alias in node.names)


def _named(target: ast.AST, value: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names of an assignment with their values, one by one for `a, b = 1, 2`."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        fits = len(parts) == len(target.elts)
        starred = any(isinstance(one, ast.Starred) for one in (*target.elts, *parts))
        for place, one in enumerate(target.elts):
            yield from _named(one, parts[place] if fits and not starred else value)


def _literal(path: Path, name: str, node: ast.AST) -> object:
    """Return a value that is a literal; `dict(a=1)` counts as one too, alone and in a list."""
    try:
        value: object = ast.literal_eval(_Dictionaries().visit(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        line = getattr(node, "lineno", 0)
        raise CaseError(
            f"{path}, line {line}: {name} is computed; write it out, because the file is read "
            "before it is run"
        ) from error
    return value


class _Dictionaries(ast.NodeTransformer):
    """Writes `dict(a=1)` as `{"a": 1}`; with `**others` it stays a call, which is no literal."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        names = [one.arg for one in node.keywords if one.arg]
        if getattr(node.func, "id", "") != "dict" or node.args or len(names) < len(node.keywords):
            return node
        keys: list[ast.expr | None] = [ast.Constant(name) for name in names]
        return ast.copy_location(ast.Dict(keys, [one.value for one in node.keywords]), node)


def _direction(path: Path, said: object) -> Direction | None:
    if said is None:
        return None
    for direction in DIRECTIONS:
        if said == direction:
            return direction
    raise CaseError(f"{path}: DIRECTION is {said!r}; it takes 'maximize' or 'minimize'")


def _metric(path: Path, said: object) -> str | None:
    if said is None or (isinstance(said, str) and said.strip()):
        return said
    raise CaseError(f"{path}: METRIC is {said!r}; it takes the name of the score, as a text")


def _guesses(path: Path, said: object) -> tuple[dict[str, Any], ...]:
    if said is None:
        return ()
    if not isinstance(said, list | tuple):
        raise CaseError(
            f"{path}: GUESSES is {said!r}; it takes a list of values by name: [{{'lr': 0.003}}]"
        )
    read = (_values(path, f"GUESSES[{place}]", one) for place, one in enumerate(said))
    return tuple(one for one in read if one)


def _values(path: Path, name: str, said: object) -> dict[str, Any] | None:
    if said is None:
        return None
    if not isinstance(said, dict) or not all(isinstance(key, str) for key in said):
        raise CaseError(f"{path}: {name} is {said!r}; it takes values by name: {{'lr': 0.001}}")
    values = {key: written_out(value) for key, value in said.items()}
    for key, value in values.items():
        if not isinstance(value, bool | int | float | str | None):
            raise CaseError(
                f"{path}: {name} has {key} = {value!r}; a hyperparameter is a bool, int, float, "
                "str or None, or a tuple or list that is one of its choices"
            )
    return values
