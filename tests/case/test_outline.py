from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.making import TINY
from tuner.case.assignments import Drawn
from tuner.case.loading import case_names, load_case
from tuner.case.outline import outline_of
from tuner.case.source import file_of
from tuner.case.space import space

if TYPE_CHECKING:
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
