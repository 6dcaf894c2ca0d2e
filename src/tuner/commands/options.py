"""Options that several commands share, and their conversion to settings of a run."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.engines import forking
from tuner.engines.compute import Compute
from tuner.errors import UsageError
from tuner.runs.settings import Stored
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable

AUTO = "auto"  # value of --trials: as many as are worth it
MOST_SECONDS = 10**9  # thirty years


def whole_number(
    minimum: int, maximum: int | None = None, *, auto: bool = False
) -> Callable[[str], int | str]:
    """Return an argparse type for an integer in this range; or for "auto" too, if allowed."""
    range_ = f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"

    def parse(text: str) -> int | str:
        if auto and text == AUTO:
            return AUTO
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum or (maximum is not None and value > maximum):
            raise argparse.ArgumentTypeError(
                f"got {text!r}; it takes a whole number, {range_}"
                + (f", or {AUTO}" if auto else "")
            )
        return value

    return parse


def seconds(text: str) -> int:
    """Return a duration in seconds: an argparse type. 90 and 90s are seconds; 10m, 1h30m.

    Raises:
        ArgumentTypeError: it is not a duration, or shorter than a second.
    """
    found = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", text)
    hours, minutes, rest = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    whole = 3600 * hours + 60 * minutes + rest
    if not 1 <= whole <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"got {text!r}; it takes a time such as 90s, 10m or 1h30m")
    return whole


def above_zero(text: str) -> float:
    """Return a number above zero: an argparse type.

    Raises:
        ArgumentTypeError: it is not one.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text!r}; it takes a number above zero")
    return value


def add_workplace(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where studies are stored."""
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="folder for the database, data, reports and models (default: storage)",
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="the database, if it is not studies.db in that folder: sqlite:///FILE or "
        "postgresql://...; reports and models are then in a folder beside it, or in "
        "--home",
    )


def workplace_of(arguments: argparse.Namespace) -> Workplace:
    """Return the workplace of --home and --storage.

    Raises:
        UsageError: --home is a file.
    """
    if arguments.home is not None and Path(arguments.home).is_file():
        raise UsageError(f"--home {arguments.home} is a file; name a folder")
    return Workplace.at(arguments.home, arguments.storage)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option for output as JSON, for other programs."""
    parser.add_argument("--json", action="store_true", help="write JSON instead")


def add_yes(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option that confirms a removal; without it, nothing is removed.

    Args:
        what: what is removed, for the help text.
    """
    parser.add_argument("--yes", action="store_true", help=what)


def add_case(parser: argparse.ArgumentParser) -> None:
    """Add the option for the present place of a case that does not ship with tuner."""
    parser.add_argument(
        "--case", metavar="FILE", help="the file of the case, if it is your own case"
    )


def add_case_and_data(parser: argparse.ArgumentParser) -> None:
    """Add the options for the present place of a stored study's case and data."""
    add_case(parser)
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder with the raw data, if the study's cache is gone",
    )


def stored_of(arguments: argparse.Namespace) -> Stored:
    """Return the named study, with the present place of its case and data."""
    return Stored(
        study=arguments.study,
        workplace=workplace_of(arguments),
        case_file=arguments.case,
        data_dir=arguments.data_dir,
    )


def add_compute(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where fits run, and how many at once."""
    parser.add_argument(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="trainings that run at once (default: one per core, or one per GPU)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where trainings run: in processes on this machine (default), or on a Ray cluster",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="head of the Ray cluster (default: the cluster that this machine belongs to, else a "
        "new one)",
    )


def compute_of(arguments: argparse.Namespace) -> Compute:
    """Return the settings of --workers, --engine and --address."""
    return Compute(arguments.workers, arguments.engine, arguments.address)


def start_importing(arguments: argparse.Namespace) -> None:
    """Start importing modules for the workers, while this process imports its own."""
    if arguments.engine == "local" and arguments.workers != 1:
        forking.start_importing()
