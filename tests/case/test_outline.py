from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY
from tuner.case.assignments import Drawn
from tuner.case.loading import case_names, load_case
from tuner.case.outline import contents_of, outline_of
from tuner.case.source import file_of
from tuner.case.space import space

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("reference", [*case_names(), TINY])
def test_a_file_read_names_what_the_case_draws(reference: str) -> None:
    found = outline_of(file_of(reference))
    assert found is not None
    assert found.keys() == space(load_case(reference)).keys()
    assert None not in found.values()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    return trial.suggest_int('a', 1, 9)", {"a": Drawn(None, 1, 9, 1, True)}),
        ("    return trial.suggest_float('a', 0, HIGH)", {"a": None}),
        ("    return trial.suggest_int(NAME, 1, 9)", None),
        ("    return helper(trial)", None),
        ("    return [trial.suggest_int(f'n{i}', 1, 9) for i in range(3)]", None),
        ("    other = trial\n    return other.suggest_int('a', 1, 9)", None),
        (
            "    trial.suggest_int('a', 1, 9)\n    return trial.suggest_int('a', 1, 5)",
            {"a": Drawn(None, 1, 9, 1, True)},
        ),
        (
            "    trial.suggest_int('a', 1, 9)\n    return trial.suggest_float('a', 1, 5)",
            {"a": None},
        ),
        (
            "    trial.suggest_int('a', 1, 9)\n    return trial.suggest_int('a', 2, 5)",
            {"a": None},
        ),
    ],
)
def test_what_a_file_computes_is_left_to_importing_it(
    tmp_path: Path, body: str, expected: dict[str, Drawn | None] | None
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"def suggest(trial):\n{body}\n\nCASE = Case(suggest=suggest)\n")
    assert outline_of(path) == expected


@pytest.mark.parametrize("text", ["", "def suggest(", "\0", "CASE = Case(suggest=elsewhere)"])
def test_a_file_that_does_not_tell_is_not_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert outline_of(path) is None
    assert outline_of(tmp_path / "missing.py") is None


@pytest.fixture
def threads_that_take_turns() -> Iterator[None]:
    """Let Python switch threads as often as it can, even at a bad moment: while it collects."""

    def note(phase: str, _: dict[str, int]) -> None:
        del phase  # any Python code allows a thread switch

    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    gc.callbacks.append(note)
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.callbacks.remove(note)


@pytest.mark.slow
@pytest.mark.usefixtures("threads_that_take_turns")
def test_many_threads_read_files_at_once(tmp_path: Path) -> None:
    lines = "".join(f"    trial.suggest_int('a{n}', 1, {n} + 9)\n" for n in range(200))
    paths = [tmp_path / f"mine{n}.py" for n in range(32)]
    for path in paths:
        text = f"def suggest(trial):\n{lines}\nCASE = Case(suggest=suggest)\n# {path.stem}\n"
        path.write_text(text)
    with ThreadPoolExecutor(8) as threads:
        assert all(found is not None for found in threads.map(outline_of, paths))
        assert all(found.may_have_case for found in threads.map(contents_of, paths))


def test_a_file_is_parsed_again_only_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    text = "def suggest(trial):\n    return trial.suggest_int('a', 1, 9)\n\nCase(suggest=suggest)\n"
    path.write_text(text)
    found = outline_of(path)
    assert outline_of(path) is found
    path.write_text(text.replace("9", "8"))
    assert outline_of(path) == {"a": Drawn(None, 1, 8, 1, True)}


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("def define_model(trial): ...\ndef objective(trial): ...", ("objective", "define_model")),
        ("def train(epoch): ...\ndef objective(trial): ...", ("objective",)),
        ("def train(t): ...\ndef build(trial): ...", ("train", "build")),
        ("def train(trial): ...\ndef objective(trial): ...", ("train", "objective")),
        ("def train(args, model): ...", ()),
    ],
)
def test_the_loop_of_a_file_comes_before_its_parts(
    tmp_path: Path, text: str, loops: tuple[str, ...]
) -> None:
    path = tmp_path / "script.py"
    path.write_text(text, encoding="utf-8")
    assert contents_of(path).loops == loops
