"""The cases that the service offers: those that ship, and those of a folder of its owner's.

Nothing here imports a case: what its search space has is read from its file, and no code ever
comes over HTTP.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tuner.case.loading import case_names
from tuner.case.outline import outline_of
from tuner.case.reference import door_of, options_of, to_door
from tuner.case.source import file_of
from tuner.errors import UsageError, unknown_name
from tuner.language import said
from tuner.own.options import read, write
from tuner.serve.shelf.data import DataShelf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tuner.case.assignments import Drawn


EXAMPLE = "table --data uploads/houses.csv --target price"
# What a door may be told over the network: no path but that of its data, and nothing to download.
OPEN = {
    "table": ("data", "target", "task", "group", "time"),
    "images": ("data", "size"),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Cases by name.

    Attributes:
        folder: of case files of the owner's; a file there has its own name, without .py. None:
            only the shipped cases.
        data: for the doors. `table --data uploads/houses.csv --target price` is a case as well:
            the data is named as `DataShelf` has it.
    """

    folder: Path | None = None
    data: DataShelf = field(default_factory=DataShelf)

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
        if door_of(name):
            return self._through_door(name)
        own = self._own()
        if name not in own:
            raise unknown_name("case", "cases", name, self.names())
        return str(own[name])

    def name_of(self, reference: str) -> str:
        """Return by what name the case of a study is known here; a door as the study has it.

        Raises:
            UsageError: it is not on the shelf.
        """
        if reference in case_names() or door_of(reference):
            return reference
        own = {str(path): name for name, path in self._own().items()}
        if reference not in own:
            raise unknown_name("case", "cases", reference, self.names())
        return own[reference]

    def space(self, name: str) -> Mapping[str, Drawn | None] | None:
        """Return what each hyperparameter of a case can be; None: its file does not tell.

        Raises:
            UsageError: there is no such case.
        """
        if door_of(name):
            return None  # its data decides
        return outline_of(file_of(self.reference(name)))

    def is_own(self, name: str) -> bool:
        """Whether a case is the owner's, not a shipped one."""
        return name not in case_names() and door_of(name) is None

    def data_of(self, name: str) -> Path:
        """Return where the data of a door is.

        Raises:
            UsageError: there is none of that name.
        """
        return self.data.path(_given(name)[1].get("data", ""))

    def _through_door(self, name: str) -> str:
        """Return the reference to a door with the data that is named, once both are known.

        Raises:
            UsageError: an option that is not for the network, or that the door does not take.
        """
        door, words = _given(name)
        for option in words:
            if option not in OPEN[door]:
                raise unknown_name("option", "options", option, OPEN[door])
        path = self.data.path(words.get("data", ""))
        given = importlib.import_module(f"tuner.own.{door}.given").Given
        return to_door(door, write(read(given, {**words, "data": path.as_posix()})))

    def _own(self) -> dict[str, Path]:
        if self.folder is None:
            return {}
        return {path.stem: path.resolve() for path in sorted(self.folder.glob("*.py"))}


def _given(name: str) -> tuple[str, dict[str, str]]:
    """Return a door and the options that it is given.

    Raises:
        UsageError: they are not written as pairs.
    """
    try:
        return str(door_of(name)), options_of(name)
    except ValueError as error:
        raise UsageError(
            said("{name!r} cannot be read; write it like {example}", name=name, example=EXAMPLE)
        ) from error
