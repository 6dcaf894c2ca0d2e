"""The cases that the service offers: those that ship, and those of a folder of its owner's.

Nothing here imports a case: what its search space has is read from its file, and no code ever
comes over HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.case.loading import case_names
from tuner.case.outline import outline_of
from tuner.case.source import file_of
from tuner.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tuner.case.assignments import Drawn


@dataclass(frozen=True, slots=True)
class Shelf:
    """Cases by name.

    Attributes:
        folder: of case files of the owner's; a file there has its own name, without .py. None:
            only the shipped cases.
    """

    folder: Path | None = None

    def names(self) -> list[str]:
        """Return the names of all cases there are now."""
        return sorted({*case_names(), *self._own()})

    def reference(self, name: str) -> str:
        """Return a case as a command takes it.

        Raises:
            UsageError: there is no such case.
        """
        if name in case_names():
            return name
        own = self._own()
        if name not in own:
            raise unknown_name("case", "cases", name, self.names())
        return str(own[name])

    def space(self, name: str) -> Mapping[str, Drawn | None] | None:
        """Return what each hyperparameter of a case can be; None: its file does not tell.

        Raises:
            UsageError: there is no such case.
        """
        return outline_of(file_of(self.reference(name)))

    def is_own(self, name: str) -> bool:
        """Whether a case is the owner's, not a shipped one."""
        return name not in case_names()

    def _own(self) -> dict[str, Path]:
        if self.folder is None:
            return {}
        return {path.stem: path.resolve() for path in sorted(self.folder.glob("*.py"))}
