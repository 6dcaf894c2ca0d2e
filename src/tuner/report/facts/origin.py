"""The versions and code that results depend on, and the options that name the study's place."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from tuner.depot.contract import ARTIFACTS
from tuner.naming import in_one_form, option_words
from tuner.study.dashboard import dashboard_command
from tuner.study.database.url import shown
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The parts of a session's machine entry that are not versions.
MACHINE = ("platform", "processor", "cores", "memory_gib")


def where(workplace: Workplace) -> str:
    """Return the command-line options that name the workplace."""
    if workplace.is_default:
        return ""
    home = option_words("--home", workplace.root)
    if workplace == Workplace.at(workplace.root):
        return shlex.join(home)
    beside = workplace == Workplace.at(url=workplace.url)
    return shlex.join(["--storage", shown(workplace.url), *([] if beside else home)])


def dashboard_of(workplace: Workplace) -> str:
    """Return the command that opens the dashboard on a workplace."""
    artifacts = f"{workplace.depot.url}/{ARTIFACTS}"
    return dashboard_command(shown(workplace.url), artifacts, where(workplace))


def manifest(made: Mapping[str, Any], sessions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the results depend on besides the case, the data and the seed."""
    last: Mapping[str, Any] = sessions[-1] if sessions else {}
    machine = last.get("machine", {})
    return {
        "command": in_one_form(last.get("command")),
        "versions": {k: v for k, v in machine.items() if k not in MACHINE},
        **{name: machine.get(name) for name in MACHINE},
        **made.get("plan", {}),
        "workers": last.get("workers", made.get("workers")),
        "cluster": last.get("cluster"),
        "cards": last.get("cards"),
        "not_repeatable": last.get("not_repeatable", []),
        "begun_with_version": made.get("version"),
        "same_machine_throughout": all(
            s.get("machine") == machine
            and all(s.get(where) == last.get(where) for where in ("cluster", "cards"))
            for s in sessions
        ),
    }
