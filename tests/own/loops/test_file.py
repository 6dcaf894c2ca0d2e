"""What a loop's file says of itself is read without running it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuner.case.reference import is_file, is_loop, parts_of_loop
from tuner.errors import CaseError, TunerError
from tuner.own.loops.file import LoopFile, read_loop
from tuner.own.loops.names import read_by_both

WHOLE = """
raise SystemExit("it was run")
DIRECTION: str = "minimize"
METRIC = "loss"
BASELINE = dict(lr=0.1, deep=True)
RECIPE = {"lr": 0.2, "name": None}


def test(model):
    return 1


def train(trial):
    yield 1
"""


def test_what_a_file_says(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(WHOLE, encoding="utf-8")
    assert read_loop(f"{path}:train") == LoopFile(
        path=path,
        function="train",
        direction="minimize",
        metric="loss",
        baseline={"lr": 0.1, "deep": True},
        recipe={"lr": 0.2, "name": None},
        has_test=True,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no file .*; name a Python file and a function"),
        ("def train(:", "is not Python"),
        ("\0", "is not Python"),
        ("def other(trial): ...", "no function 'train'"),
        ("def trian(trial): ...", "did you mean 'trian'"),
        ("async def train(trial): ...", "is an async function"),
        ("DIRECTION = 'up'\ndef train(t): ...", "DIRECTION is 'up'; it takes 'maximize' or"),
        ("METRIC = 3\ndef train(t): ...", "METRIC is 3; it takes the name of the score"),
        ("\nBASELINE = make()\ndef train(t): ...", "line 2: BASELINE is computed; write it out"),
        ("BASELINE = [1]\ndef train(t): ...", r"BASELINE is \[1\]; it takes values by name"),
        ("BASELINE = {'a': [1]}\ndef train(t): ...", r"BASELINE has a = \[1\]; a hyperparameter"),
        ("RECIPE = {1: 2}\ndef train(t): ...", "RECIPE is {1: 2}; it takes values by name"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "train.py"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(TunerError, match=message) as raised:
        read_loop(f"{path}:train")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["from helpers import train", "train = make(3)", "class train: ...", "x = train = len"]
)
def test_a_function_may_come_from_anywhere(tmp_path: Path, text: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    assert read_loop(f"{path}:train").function == "train"


@pytest.mark.parametrize(
    ("reference", "loop"),
    [
        ("train.py:train", True),
        ("./a b/c.py:_f2", True),
        ("C:/x.py:f", True),
        ("train.py", False),
        ("train.py:", False),
        ("train.py:a.b", False),
        ("train:objective", False),
        ("flowers", False),
    ],
)
def test_what_is_a_loop(reference: str, loop: bool) -> None:
    assert is_loop(reference) is loop
    if loop:
        path, function = parts_of_loop(reference)
        assert f"{path.as_posix()}:{function}" == Path(reference).as_posix()
    else:
        with pytest.raises(ValueError, match=re.escape(repr(reference))):
            parts_of_loop(reference)
    assert is_file(reference) == reference.endswith(".py")


def test_variables_that_loop_and_test_both_read(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "import x\nrows, x_test = x.load()\nSIZE = 3\nlabels = 1\n"
        "def part(): return x_test[:SIZE]\n"
        "def train(trial): return part() + rows\n"
        "def test(model): return model(x_test) + SIZE + labels\n",
        encoding="utf-8",
    )
    assert read_by_both(path, "train", "test") == ["x_test"]


def test_the_message_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=re.escape(str(tmp_path / "no.py"))):
        read_loop(f"{tmp_path / 'no.py'}:train")
