"""Finds and imports cases: the shipped ones by name, a user's own by the path of its file."""

from __future__ import annotations

import hashlib
import importlib
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from tuner.case.beside import make_importable
from tuner.case.contract import Case, in_one_line
from tuner.case.outline import contents_of
from tuner.case.reference import DOORS, door_of, is_file, options_of
from tuner.case.source import package_of
from tuner.errors import CaseError, UsageError, unknown_name
from tuner.generators import ONE_AT_A_TIME
from tuner.naming import last_words, option_words


def case_names() -> list[str]:
    """Return the names of the cases that ship with tuner, without importing their files."""
    folder = Path(__file__).parents[1] / "cases"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def check_reference(reference: str) -> None:
    """Refuse an unknown name, and a path that is not a file, without importing anything.

    Raises:
        UsageError: there is no case of that name.
        CaseError: the file does not exist, or its name cannot be stored in a study.
    """
    if door_of(reference):
        return
    if not is_file(reference):
        if reference not in case_names():
            raise _instead(reference) or unknown_name(
                "case", "cases", reference, [*case_names(), *DOORS]
            )
        return
    try:
        found = Path(reference).is_file()
    except (OSError, ValueError):  # a name that is impossible for a file
        found = False
    if not found:
        raise CaseError(f"no case file {Path(reference)}; name a Python file that defines CASE")
    try:
        reference.encode()
    except UnicodeEncodeError as error:
        raise CaseError(
            f"case file {os.fsencode(reference)!r}: its name is not UTF-8, so a study cannot keep "
            "it; rename the file"
        ) from error


def _instead(reference: str) -> UsageError | None:
    """Return an error with what to type if a name is a folder or a file; otherwise None."""
    path, found = Path(reference), None
    with suppress(OSError, ValueError):  # a name that is impossible for a file
        if reference and path.is_dir():
            found = _of_folder(path)
        elif path.is_file():
            command = shlex.join(["tuner", "study", "table", *option_words("--data", reference)])
            found = f"is a file. For rows of a table, type: {command} --target COLUMN"
        elif path.with_name(f"{path.name}.py").is_file():
            command = shlex.join(["tuner", "study", *last_words(f"{reference}.py")])
            found = f"is not a case, but there is such a file; type: {command}"
        elif reference and (path.suffix or len(path.parts) > 1) and not path.exists():
            found = f"does not exist; check its path, or name a case: {', '.join(case_names())}"
    return None if found is None else UsageError(f"{reference} {found}")


def _of_folder(folder: Path) -> str:
    """Return what to type for a folder: its first case or loop, or the command for pictures."""
    for path in sorted(folder.glob("*.py")):
        within = contents_of(path)
        if within.may_have_case or within.loops:
            named = str(path) if within.may_have_case else f"{path}:{within.loops[0]}"
            command = shlex.join(["tuner", "study", *last_words(named)])
            return f"is a folder. For the case or loop in it, name its file; type: {command}"
    command = shlex.join(["tuner", "study", "images", *option_words("--data", folder)])
    return f"is a folder. For pictures in a folder of each class, type: {command}"


def refuse_without_case(reference: str) -> None:
    """Refuse a file that certainly defines no case, by reading it without running it.

    Raises:
        CaseError: it defines none. If it has a loop, the message names the command for that.
    """
    if is_file(reference) and not contents_of(Path(reference)).may_have_case:
        raise _without_case(reference)


def _without_case(reference: str) -> CaseError:
    """Return the error for a file without a case; if it has a loop, with the command for that."""
    found = contents_of(Path(reference))
    if not found.loops:
        return CaseError(
            f"{reference} defines no CASE; it has to end with CASE = Case(name=..., ...), "
            "as the files in tuner/cases do"
        )
    functions = " and ".join(f"{name}(trial)" for name in found.loops)
    loop = shlex.quote(f"{reference}:{found.loops[0]}")
    direction = "" if found.says_direction else " --direction maximize"
    return CaseError(
        f"{reference} defines no CASE. It has {functions}: to search a training loop of your own, "
        f"type: tuner study {loop}{direction}"
        + (" (or minimize, if less of its score is better)" if direction else "")
    )


def load_case(reference: str) -> Case:
    """Import a case by name, or by the path of its file (anything that ends with .py).

    A case of a door still has to be settled by its data (`Case.settled`).

    Raises:
        UsageError: there is no case of that name, or the door does not have such options.
        CaseError: the file does not exist, cannot be imported, or defines no CASE.
    """
    check_reference(reference)
    if door := door_of(reference):
        return _through(door, reference)
    if not is_file(reference):
        module = importlib.import_module(f"tuner.cases.{reference}")
    else:
        module = import_file(Path(reference))
    case = getattr(module, "CASE", None)
    if not isinstance(case, Case):
        raise _without_case(reference)
    return case


def load_named_case(name: str, reference: str, file: str | None) -> Case:
    """Import the case that a stored study or model names.

    Args:
        name: stored name of the case.
        reference: stored reference of the case. If it names a file, that is not run: a study from a
            stranger must not choose what code runs here.
        file: the file of a user's own case, as the user names it now.

    Raises:
        CaseError: it is a user's own and its file is not named, or defines another case.
    """
    if file is None and is_file(str(reference)):
        raise CaseError(
            f"this study uses your own case {name!r}; pass its file: --case {reference}"
        )
    case = load_case(file or reference)
    if case.name != name:
        raise CaseError(
            f"this study uses case {name!r}, but {file or reference} is case {case.name!r}"
        )
    return case


def _through(door: str, reference: str) -> Case:
    module = importlib.import_module(f"tuner.own.{door}.door")
    case: Case = module.case_of(options_of(reference))
    return case


def import_file(path: Path) -> Any:
    """Run a user's file as a module, with the modules beside it importable.

    Raises:
        CaseError: it raises an exception, or exits.
    """
    name = module_name(path)
    module = ModuleType(name)
    module.__file__ = str(path)
    make_importable(path)
    if package := package_of(path)[0]:
        module.__package__ = package  # the base of the file's relative imports
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        # Compiled here, because Python trusts bytecode on disk if the second of the change matches.
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        with ONE_AT_A_TIME:  # it may seed a generator and draw its data
            exec(code, module.__dict__)  # noqa: S102 - the user names this file to have it run
    except (Exception, SystemExit) as error:
        reason = in_one_line(error, str(path))
        if "no known parent package" in reason or "can't resolve package" in reason:
            reason += (
                f". Put an empty __init__.py beside {path.name}, or import what stands beside it "
                "without the dot"
            )
        raise CaseError(f"{path} cannot be imported: {reason}{_where_it_is(error)}") from error
    return module


def _where_it_is(error: BaseException) -> str:
    """Return how to import a module that is in the current folder, and not beside the file."""
    top = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not top:
        return ""
    here = Path.cwd()
    if not any((here / one).exists() for one in (top, f"{top}.py")):
        return ""
    return f". It is in the current folder; to have it found, type PYTHONPATH={here} before tuner"


def module_name(path: Path) -> str:
    """Return the name of a user's file as a module, which is unique."""
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
    return f"tuner_case_{path.stem}_{digest}"
