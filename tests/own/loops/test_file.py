"""The settings in a loop's file are read without running it."""

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
GUESSES = [dict(lr=0.3), {"lr": 0.4}]


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
        guesses=({"lr": 0.3}, {"lr": 0.4}),
        has_test=True,
    )


def test_the_loop_of_the_readme_is_one(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (block,) = (one for one in re.findall(r"```python\n(.*?)```", readme, re.S) if "yield" in one)
    path = tmp_path / "train.py"
    path.write_text(block, encoding="utf-8")
    found = read_loop(f"{path}:train")
    assert (found.direction, found.metric, found.has_test) == ("maximize", "accuracy", True)
    assert found.baseline == {"lr": 0.001, "width": 32}


@pytest.mark.parametrize(
    "text",
    [
        "DIRECTION, METRIC = 'maximize', 'f1'",
        "[DIRECTION, (x, METRIC)] = 'maximize', (1, 'f1')",
        "METRIC = y = 'f1'\nDIRECTION = 'maximize'",
    ],
)
def test_names_may_be_given_values_together(text: str, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(f"{text}\ndef train(trial): ...", encoding="utf-8")
    found = read_loop(f"{path}:train")
    assert (found.direction, found.metric) == ("maximize", "f1")


YIELDS = "def train(trial):\n  yield 1\n"
RETURNS = "def train(trial):\n  def inner(): yield 1\n  return sum(inner())\n"


@pytest.mark.parametrize(
    ("text", "has_test"),
    [
        (f"def test(model): ...\n{YIELDS}", True),
        (f"def test(model, *, rows=3): ...\n{YIELDS}", True),
        (f"def test(*models): ...\n{YIELDS}", True),
        (f"from scores import test\n{YIELDS}", True),
        (f"test = lambda model: 1\n{YIELDS}", True),
        ("def test(model): ...\ndef run(t): yield 1\ndef train(trial): return run(trial)", True),
        ("def test(model): ...\nfrom mine import train", True),
        (f"def test(model, device, loader): ...\n{YIELDS}", False),
        (f"def test(): ...\n{YIELDS}", False),
        (f"def test(model, *, rows): ...\n{YIELDS}", False),
        (f"class test: ...\n{YIELDS}", False),
        (f"def test(model): ...\n{RETURNS}", False),
        ("def test(model): ...\ndef run(t): return 1\ndef train(trial): return run(trial)", False),
        (YIELDS, False),
    ],
)
def test_only_what_takes_the_model_of_a_generator_is_its_test(
    text: str, has_test: bool, tmp_path: Path
) -> None:
    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    found = read_loop(f"{path}:train")
    assert found.has_test == has_test
    assert bool(found.other_test) == (not has_test and "test" in text)


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
        ("A = {}\nBASELINE = dict(lr=1, **A)\ndef train(t): ...", "line 2: BASELINE is computed"),
        ("BASELINE = [1]\ndef train(t): ...", r"BASELINE is \[1\]; it takes values by name"),
        ("BASELINE = {'a': b'1'}\ndef train(t): ...", r"BASELINE has a = b'1'; a hyperparameter"),
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


def test_rows_with_the_names_of_mathematics_are_variables_too(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "import x\nX, Y = x.load()\nY_ALL = x.more()\nN = 3\nDEVICE = x.device()\n"
        "def train(trial): return X[:N] + Y[:N] + Y_ALL + DEVICE\n"
        "def test(model): return model(X[N:], DEVICE) - Y_ALL - N\n",
        encoding="utf-8",
    )
    assert read_by_both(path, "train", "test") == ["X", "Y_ALL"]


def test_the_message_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=re.escape(str(tmp_path / "no.py"))):
        read_loop(f"{tmp_path / 'no.py'}:train")


SCRIPT = "import optuna\ndef train(trial):\n    return trial.suggest_float('x', 0, 1)\n"
SEARCHES = "optuna.create_study().optimize(train, n_trials=100)"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SEARCHES, 4),
        ("study = optuna.create_study()\nstudy.optimize(n_trials=3, func=train)", 5),
        (f"for seed in range(3):\n    {SEARCHES}", 5),
        (f"def main():\n    {SEARCHES}\nmain()", 5),
        (f"def main():\n    {SEARCHES}", None),
        (f"if __name__ == '__main__':\n    {SEARCHES}", None),
        (f"def main():\n    {SEARCHES}\nif '__main__' == __name__:\n    main()", None),
        ("optuna.create_study().optimize(another, n_trials=100)", None),
    ],
)
def test_a_study_that_an_import_would_run_is_told(
    tmp_path: Path, text: str, line: int | None
) -> None:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT + text, encoding="utf-8")
    warnings = read_loop(f"{path}:train").warnings
    assert len(warnings) == (line is not None)
    told = f"train.py runs a study of its own whenever it is imported (line {line}: "
    assert all(told in one for one in warnings)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "def main():\n    optuna.samplers.TPESampler(constraints_func=broken)",
            ("(line 5: constraints_func=broken)", "trial.set_constraint(NAME, VALUE)"),
        ),
        ("optuna.samplers.TPESampler(seed=1, constraints_func=None)", ()),
        (
            "def other(t):\n    t.set_constraint('a', 1)\nTPESampler(constraints_func=broken)",
            (),
        ),
    ],
)
def test_constraints_that_only_a_sampler_knows_are_told(
    tmp_path: Path, text: str, told: tuple[str, ...]
) -> None:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT + text, encoding="utf-8")
    warnings = read_loop(f"{path}:train").warnings
    assert len(warnings) == bool(told)
    assert all(one in warnings[0] for one in told)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("def train(args, model, loader):", "takes args, model, loader; a loop is called with one"),
        ("def train():", "takes no argument; "),
        ("def train(*, trial):", "takes trial; "),
        ("def train(trial, *, epochs):", "takes trial, epochs; "),
        ("def train(trial, epochs=3, *, width=2):", ""),
        ("def train(*given):", ""),
        ("@click.command()\ndef train(epochs, width):", ""),
    ],
)
def test_a_function_that_a_trial_alone_cannot_call(tmp_path: Path, head: str, told: str) -> None:
    """For example `train(args, model, device, loader)`; a decorator may add the arguments."""
    path = tmp_path / "train.py"
    path.write_text(f"{head}\n    return 1\n", encoding="utf-8")
    if not told:
        assert read_loop(f"{path}:train").function == "train"
        return
    with pytest.raises(CaseError, match=re.escape(f"train.py:train {told}")):
        read_loop(f"{path}:train")
