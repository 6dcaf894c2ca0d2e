"""Other people's loops in studies/examples: searched, continued, and called again."""

from __future__ import annotations

import ast
from contextlib import chdir
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.making import DATABASE
from tests.waiting import SECONDS_TO_HANG
from tuner.commands.check import main as check
from tuner.commands.study import main as study
from tuner.commands.verify import main as verify
from tuner.study.store import load_study

EXAMPLES = Path(__file__).parents[1] / "studies" / "examples"
LOOPS = {
    "boosting": "objective",
    "hugging_face": "objective",
    "lightning_digits": "objective",
    "optuna_pytorch": "objective",
    "two_optimizers": "train",
}

pytestmark = pytest.mark.slow


def test_every_example_is_tried() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == LOOPS.keys()


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_knows_nothing_of_tuner(name: str, tmp_path: Path) -> None:
    file = EXAMPLES / f"{name}.py"
    for module in _imported(file):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed; pip install -e '.[examples]'")
    loop = f"{file}:{LOOPS[name]}"
    command = [loop, "--direction", "maximize"] if name == "optuna_pytorch" else [loop]
    with chdir(tmp_path):
        assert study([*command, "--trials", "2", "--seeds", "0", "--workers", "2"]) == 0
        assert study([*command, "--trials", "4", "--seeds", "0", "--workers", "2"]) == 0
        assert verify([name, "--all", "--case", str(file), "--workers", "2"]) == 0
        states = [trial.state.name for trial in load_study(DATABASE, name).get_trials()]
    assert len(states) == 4
    assert set(states) <= {"COMPLETE", "PRUNED"}


def test_a_check_of_an_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chdir(tmp_path):
        loop = str(EXAMPLES / "two_optimizers.py")
        assert check([loop, "--seconds", f"{SECONDS_TO_HANG:.0f}"]) == 0
    shown = capsys.readouterr().out
    assert "Two calls with the same seed are equal, bit for bit." in shown
    assert "Another seed gives another result" in shown


def _imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    others = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named = [alias.name for node in imports for alias in node.names]
    named += [node.module for node in others if node.module]
    return {name.partition(".")[0] for name in named}
