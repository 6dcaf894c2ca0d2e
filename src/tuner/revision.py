"""The version of tuner and, in a git checkout, its commit."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

SECONDS_FOR_GIT = 5


@lru_cache(maxsize=1)
def full_version(package: Path = Path(__file__).parent) -> str:
    """Return a version such as 0.1.0, or 0.1.0+g1a2b3c4 from a checkout.

    A checkout with edited code adds `.dirty`. Without git, or if it fails, the version stands
    alone.

    Args:
        package: the folder of the code.
    """
    plain = version("tuner")
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    commit = _git(package, "rev-parse", "--short=7", "HEAD")
    if not tracked or not commit:
        return plain
    edited = _git(package, "status", "--porcelain", "--", ".")
    return f"{plain}+g{commit}" + (".dirty" if edited else "")


def _git(folder: Path, *words: str) -> str:
    """Return git's output for a folder; empty if git is missing or fails."""
    try:
        done = subprocess.run(  # noqa: S603 - words of this module alone
            ["git", "-C", str(folder), *words],  # noqa: S607 - wherever git is
            capture_output=True,
            text=True,
            timeout=SECONDS_FOR_GIT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
