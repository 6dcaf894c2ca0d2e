"""Converts settings to the command line that a user would have typed."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING

from tuner.case.assignments import literal, split_pairs
from tuner.case.reference import as_words
from tuner.naming import option_words
from tuner.runs.settings import StudySettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def assigned(values: Mapping[str, object] | None) -> tuple[str, ...]:
    """Return values by name as texts of the form NAME=VALUE."""
    return tuple(f"{name}={_typed(value)}" for name, value in (values or {}).items())


def _typed(value: object) -> str:
    """Return a value as it is typed, with quotes if the text would be read as something else."""
    plain = str(value)
    if not isinstance(value, str):
        return plain
    alone = literal(plain) == value and split_pairs(f"{plain},{plain}") == [plain, plain]
    return plain if alone else repr(plain)


def command_of(settings: StudySettings, home: str | Path | None, storage: str | None) -> str:
    """Return the command that makes the same study, for its record and its report."""
    default = {name: field.default for name, field in StudySettings.__dataclass_fields__.items()}
    words = ["tuner", "study", *as_words(settings.case)]
    plain = ("trials", "name", "seed", "seeds", "metric", "direction", "score", "timeout")
    for name in (*plain, "data_dir"):
        value = getattr(settings, name)
        within_time = name == "trials" and settings.budget is not None  # its default differs
        if value != default[name] or within_time:
            option = f"--{name.replace('_', '-')}"
            words += option_words(option, "auto" if value is None else value)
    if settings.budget is not None:
        words += ["--budget", f"{math.ceil(settings.budget)}s"]
    several = {
        "--fix": settings.fix,
        "--try": settings.tries,
        "--baseline": settings.baseline,
        "--recipe": settings.recipe,
    }
    words += [
        word for name, ones in several.items() for one in ones for word in option_words(name, one)
    ]
    for name, limit in asdict(settings.limits).items():
        if limit is not None:
            words += [f"--max-{name.replace('_', '-')}", str(limit)]
    typed = {"--workers": settings.compute.workers, "--home": home, "--storage": storage}
    words += [word for name, value in typed.items() if value for word in option_words(name, value)]
    return shlex.join([*words, *(["--accept-changes"] if settings.accept_changes else [])])
