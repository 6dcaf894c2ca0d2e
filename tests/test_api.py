"""The public API: everything that users' files may import."""

from __future__ import annotations

import doctest
import shutil
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import tuner
from tests.making import TINY, retrained

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def example(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the examples: a case file, a study of it, and a bundle."""
    folder = tmp_path_factory.mktemp("examples") / "here"
    shutil.copytree(workplace, folder)
    shutil.copy(TINY, folder / "mine.py")
    here = tuner.open_study("tiny", home=folder / "storage").workplace
    retrained("tiny", str(folder / "mine.py"), arm="best", out=folder / "bundle", workplace=here)
    return folder


@pytest.mark.parametrize("name", tuner.__all__)
def test_every_public_name_is_documented_by_an_example_that_works(
    name: str, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(example)
    found = getattr(tuner, name)
    module = import_module(found.__module__)
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(found, name, module=module, globs=dict(vars(module)))
    assert test.examples, f"{name} has no example"
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert not said, "".join(said)


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


@pytest.mark.slow
def test_using_tuner_for_the_first_time_draws_no_number_of_the_callers() -> None:
    program = "import random; before = random.getstate(); import tuner; tuner.run_study"
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}; print(random.getstate() == before)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "True"
