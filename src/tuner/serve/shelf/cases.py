"""The cases that the service offers: the shipped ones, and those in a folder of its owner.

No case is imported here: its search space is read from its file, and code is never accepted over
HTTP.
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
# The options of a door that may be set over the network: no path but its data, no downloads.
OPEN = {
    "table": ("data", "target", "task", "group", "time"),
    "images": ("data", "size"),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Cases by name.

    Attributes:
        folder: with the owner's case files, which are named by their files, without .py. None for
            only the shipped cases.
        data: for the doors. `table --data uploads/houses.csv --target price` is a case too, with
            its data named as in `DataShelf`.
    """

    folder: Path | None = None
    data: DataShelf = field(default_factory=DataShelf)

    def names(self) -> list[str]:
        """Return the names of all present cases."""
        return sorted({*case_names(), *self._own()})

    def reference(self, name: str) -> str:
        """Return the reference to a case for a command.

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
        """Return the name of a study's case here; a door keeps the study's reference.

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
        """Return what each hyperparameter of a case can be; None if its file does not show it.

        Raises:
            UsageError: there is no such case.
        """
        if door_of(name):
            return None  # depends on its data
        return outline_of(file_of(self.reference(name)))

    def is_own(self, name: str) -> bool:
        """Whether a case is the owner's, not a shipped one."""
        return name not in case_names() and door_of(name) is None

    def data_of(self, name: str) -> Path:
        """Return the path of the data of a door.

        Raises:
            UsageError: there is no data of that name.
        """
        return self.data.path(_given(name)[1].get("data", ""))

    def _through_door(self, name: str) -> str:
        """Return the reference to a door with this data, after checking both.

        Raises:
            UsageError: an option is not allowed over the network, or the door does not have it.
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
    """Return a door and its options.

    Raises:
        UsageError: they are not pairs of names and values.
    """
    try:
        return str(door_of(name)), options_of(name)
    except ValueError as error:
        raise UsageError(
            said("{name!r} cannot be read; write it like {example}", name=name, example=EXAMPLE)
        ) from error
