"""The public API: what users' files may import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tuner


@pytest.mark.parametrize("name", tuner.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(tuner, name).__doc__


def test_all_names_are_found_and_no_more() -> None:
    assert set(dir(tuner)) == {*tuner.__all__, "__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'optimise'"):
        _ = tuner.optimise


def test_importing_tuner_imports_nothing_heavy() -> None:
    program = "import sys, tuner; print({'torch', 'optuna', 'numpy'} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"
