"""The source of a case: hashes of its file and the user's modules that it imports.

Two sources are equal if their syntax trees are, ignoring docstrings and other free-standing
strings. So a comment, a line break or a better docstring changes nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.case.reference import door_of, is_file, is_loop, parts_of_loop
from tuner.case.syntax import syntax_of
from tuner.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DIGITS = 16  # of a SHA-256, in hexadecimal
INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The code of a case, as hashes.

    Attributes:
        file: name of the case's file, for messages.
        main: hash of that file.
        modules: hashes of the user's modules that it imports, directly or indirectly, by name;
            without those of tuner, of Python and of installed packages.
    """

    file: str = field(compare=False)
    main: str
    modules: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One hash of everything."""
        text = json.dumps([self.main, dict(self.modules)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def changed_since(self, before: Source) -> list[str]:
        """Return the names of the files that differ from an earlier source, for messages."""
        changed = [self.file] if self.main != before.main else []
        names = self.modules.keys() | before.modules.keys()
        return changed + sorted(
            name for name in names if self.modules.get(name) != before.modules.get(name)
        )


def source_of(reference: str) -> Source:
    """Return the source of a case.

    Args:
        reference: a name of a shipped case, or the path of a case file.

    Raises:
        CaseError: a file cannot be read, or is not Python.
    """
    file = file_of(reference)
    door = door_of(reference)
    found = _of_door(door, file) if door else modules_of(file)
    return Source(
        file=f"{door}.py" if door else file.name,
        main=hash_of_code(file),
        modules={name: hash_of_code(path) for name, path in sorted(found.items())},
    )


def file_of(reference: str) -> Path:
    """Return the file of a case, which need not exist; for a door's case, the door's file."""
    if is_loop(reference):
        return parts_of_loop(reference)[0]
    if is_file(reference):
        return Path(reference)
    package = Path(__file__).parents[1]
    if door := door_of(reference):
        return package / "own" / door / "door.py"
    return package / "cases" / f"{reference}.py"


def _of_door(door: str, file: Path) -> dict[str, Path]:
    """Return the modules of a door besides its own file, by the names that studies store."""
    return {f"{door}_{path.stem}": path for path in file.parent.glob("*.py") if path != file}


def modules_of(file: Path) -> dict[str, Path]:
    """Return the user's modules that a case file imports, directly or indirectly, by name.

    They are found by reading, not by running: imports within functions count too. An import by a
    string at run time is not found.
    """
    package, root = package_of(file)
    top = package.partition(".")[0]
    roots = [str(file.parent), *_own_folders()]
    found: dict[str, Path] = {}
    waiting = [*_with_parents(package), *_read(file).imports(package)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        within = top and name.partition(".")[0] == top
        path = _find(name, [str(root)] if within else roots)
        if path is None or path.resolve() == file.resolve():
            continue
        found[name] = path
        inside = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting += _read(path).imports(inside)
    return found


def package_of(file: Path) -> tuple[str, Path]:
    """Return the package of a case file, and the folder that contains the package.

    The file is in a package if it uses relative imports (`from .model import Net`) and its folder
    has an `__init__.py`. Otherwise the result is an empty name and the file's own folder.

    Raises:
        CaseError: the file cannot be read or is not Python, or its package has the name of another.
    """
    names, folder = list[str](), file.resolve().parent
    if not any(level for level, _, _ in _read(file).imported):
        return "", folder
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    if names and _is_taken(names[0]):
        raise CaseError(
            f"{file} imports relative to its package, {folder / names[0]}, and there is another "
            f"package {names[0]!r} in Python or installed; rename the folder"
        )
    return ".".join(names), folder


def _is_taken(name: str) -> bool:
    """Whether a package of this name is tuner's, Python's, or installed."""
    if name == "tuner" or name in sys.stdlib_module_names:
        return True
    spec = PathFinder.find_spec(name)
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec else []
    return any(INSTALLED & set(Path(place).parts) for place in places)


def files_of(reference: str) -> dict[str, bytes]:
    """Return a user's case as files with paths in one folder, the case's own file first.

    In that folder they import each other as they do here.
    """
    file = file_of(reference)
    package, _ = package_of(file)
    found = {"/".join([*filter(None, package.split(".")), file.name]): file.read_bytes()}
    for name, path in modules_of(file).items():
        folder, _, last = name.replace(".", "/").rpartition("/")
        is_package = path.name.startswith("__init__.")
        place = [folder, last, path.name] if is_package else [folder, path.name]
        found["/".join(filter(None, place))] = path.read_bytes()
    return found


def hash_of_code(path: Path) -> str:
    """Return a hash of a Python file's syntax tree, or of the bytes of any other file."""
    return _read(path).digest


@dataclass(frozen=True, slots=True)
class _Module:
    """The parts of a module that matter: a hash, and its imports as (level, module, names)."""

    digest: str
    imported: tuple[tuple[int, str, tuple[str, ...]], ...]

    def imports(self, package: str) -> Iterator[str]:
        """Yield the full names of all modules that may be imported, and of their packages.

        Args:
            package: of the importing module; empty if it is in none.
        """
        for level, module, names in self.imported:
            base = module
            if level:
                parts = package.split(".") if package else []
                base = ".".join([*parts[: len(parts) - level + 1], *filter(None, [module])])
            for whole in [base, *(f"{base}.{name}" for name in names)]:
                yield from _with_parents(whole.lstrip("."))


def _with_parents(name: str) -> Iterator[str]:
    """Yield the names of a module's packages, the outermost first, and its own."""
    parts = name.split(".")
    yield from (".".join(parts[: n + 1]) for n in range(len(parts)))


def _read(path: Path) -> _Module:
    try:
        return _parsed(path.read_bytes(), path.suffix)
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}") from error
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise CaseError(f"{path} cannot be imported: {where}SyntaxError: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise CaseError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=256)
def _parsed(content: bytes, suffix: str) -> _Module:
    if suffix != ".py":
        return _Module(hashlib.sha256(content).hexdigest()[:DIGITS], ())
    tree = syntax_of(content)
    imported: list[tuple[int, str, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names if alias.name != "*")
            imported.append((node.level, node.module or "", names))
    text = json.dumps(_plain(tree))
    return _Module(hashlib.sha256(text.encode()).hexdigest()[:DIGITS], tuple(imported))


def _plain(node: Any) -> Any:
    """Return a syntax tree as lists and text, the same for all Python versions that parse it.

    Empty fields are left out, because versions differ in the fields of nodes.
    """
    if isinstance(node, ast.AST):
        fields = ((name, _plain(value)) for name, value in ast.iter_fields(node) if name != "kind")
        kept = ((name, value) for name, value in fields if value not in (None, []))
        return [type(node).__name__, *kept]
    if isinstance(node, list):
        return [_plain(one) for one in node if not _is_remark(one)]
    return None if node is None else repr(node)


def _is_remark(node: Any) -> bool:
    """Whether a statement is a free-standing string: a docstring or a note."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _find(name: str, roots: Iterable[str]) -> Path | None:
    """Return the file of a user's module without importing anything; None if it has none.

    A package without an `__init__.py` has none either.
    """
    first, _, rest = name.partition(".")
    if first == "tuner" or first in sys.stdlib_module_names:
        return None
    spec = PathFinder.find_spec(first, list(roots))
    while spec is not None and rest:
        part, _, rest = rest.partition(".")
        within = spec.submodule_search_locations
        if within is None:
            return None
        # By its last name: with the full name, Python looks for an imported parent if a folder has
        # no __init__.py.
        spec = PathFinder.find_spec(part, list(within))
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _own_folders() -> list[str]:
    """Return the folders of the import path that may hold a user's own modules."""
    installed = [Path(prefix).resolve() for prefix in {sys.prefix, sys.base_prefix}]
    folders = []
    for entry in sys.path:
        path = Path(entry or ".").resolve()
        within = any(path.is_relative_to(prefix) for prefix in installed)
        if path.is_dir() and not within and not INSTALLED & set(path.parts):
            folders.append(str(path))
    return folders
