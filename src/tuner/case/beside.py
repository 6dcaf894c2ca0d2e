"""Makes the modules beside a case file importable from any folder; each case has its own.

Python looks for modules beside the script that it was started with. A case file is not that script,
so this module finds the modules beside the case that was loaded last.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.case.source import INSTALLED, modules_of, package_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType


class _FromText(SourceFileLoader):
    """Reads a module's text each time: Python trusts bytecode on disk if the second matches."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - as its base has it
        """Compile the module."""
        compiled: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return compiled


class _Beside(MetaPathFinder):
    """Finds modules in one folder, and remembers their names.

    Args:
        folder: of the case file.
        names: the only ones to look for; None for all.
    """

    def __init__(self, folder: str, names: frozenset[str] | None) -> None:
        self.folder, self.names = folder, names
        self.found: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module beside the file is; submodules are found by their packages."""
        if path is not None or (self.names is not None and fullname not in self.names):
            return None
        spec = PathFinder.find_spec(fullname, [self.folder], target)
        if spec is not None:
            self.found.add(fullname)
            if isinstance(spec.loader, SourceFileLoader):
                spec.loader = _FromText(spec.loader.name, spec.loader.path)
        return spec


def make_importable(file: Path) -> None:
    """Make the modules beside a case file importable, and forget those beside another.

    A module of the same name beside another case stays with that case, which has imported it. A
    module that was edited since is read again. Standard modules are never shadowed. A module that
    the file imports by name takes precedence over an installed package; any other module does not.

    Raises:
        CaseError: a file cannot be read, or is not Python.
    """
    folder = str(file.resolve().parent)
    package, root = package_of(file)
    top = frozenset(filter(None, [package.partition(".")[0]]))
    here = {path.name.partition(".")[0] for path in Path(folder).iterdir()}
    names = frozenset({name.partition(".")[0] for name in modules_of(file)} & here)
    old = [finder for finder in sys.meta_path if isinstance(finder, _Beside)]
    _forget(names.union(top, *(finder.found for finder in old)))
    others = [finder for finder in sys.meta_path if finder not in old]
    first = [_Beside(str(root), top), _Beside(folder, names)]
    sys.meta_path[:] = [*first, *others, _Beside(folder, None)]
    importlib.invalidate_caches()


def _forget(names: frozenset[str]) -> None:
    """Remove loaded modules of these names, except installed ones: they are imported again."""
    if not names:
        return
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in names:
            file = getattr(module, "__file__", None)
            if file is None or not INSTALLED & set(Path(file).parts):
                del sys.modules[name]
