"""`tuner new`: each file that it writes runs without changes."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from tests.runs.running import Listening
from tuner.case.loading import load_case
from tuner.commands.new import KINDS, main
from tuner.commands.study import main as study
from tuner.data.sources.folders import Folders
from tuner.engines.compute import Compute
from tuner.errors import UsageError
from tuner.own.loops.file import read_loop
from tuner.runs.settings import StudySettings
from tuner.runs.study import run_study
from tuner.study.store import load_study
from tuner.study.trials import finished
from tuner.training.plan import Plan
from tuner.training.rehearsal import rehearse
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from typing import Any

CASES = [kind for kind in KINDS if kind != "loop"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", CASES)
def test_a_case_that_it_writes_can_be_trained(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mine.py", f"--{kind}"]) == 0
    assert "tuner study mine.py --trials 10" in capsys.readouterr().out
    case = load_case("mine.py")
    assert case.name == "mine"
    data = case.dataset(Folders())
    assert data.name == "mine"
    rehearsed = rehearse(case, data, Plan())
    assert rehearsed.seed_matters == "weights"
    assert "HERE" in Path("mine.py").read_text(encoding="utf-8")


def test_without_a_kind_it_writes_a_model() -> None:
    main(["mine.py"])
    main(["other.py", "--model"])
    texts = [Path(name).read_text(encoding="utf-8") for name in ("mine.py", "other.py")]
    assert texts[0].replace("mine", "other") == texts[1]
    assert "tuner study mine.py --trials 20" in texts[0]


def test_a_loop_that_it_writes_says_what_is_needed() -> None:
    main(["mine.py", "--loop"])
    loop = read_loop("mine.py:objective")
    assert (loop.direction, loop.metric) == ("maximize", "accuracy")
    assert loop.baseline is not None
    assert loop.recipe is not None


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("mine", "mine has to end with .py"),
        ("there.py", "there.py is already there, and is not replaced"),
        ("nowhere/mine.py", "there is no folder nowhere"),
        (".py", "has to end with .py"),
    ],
)
def test_what_cannot_be_written_is_refused(file: str, message: str) -> None:
    Path("there.py").write_text("kept", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        main([file])
    assert Path("there.py").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("name", ["a b.py", 'a"b.py', "ünï.py", "a'b.py"])
def test_odd_names_are_written_as_they_are(name: str) -> None:
    main([name])
    assert load_case(name).name == Path(name).stem


def test_a_table_of_ones_own_is_read(here: Path) -> None:
    main(["mine.py", "--table"])
    (here / "data").mkdir()
    rows = [f"{n},{n * n % 7},{2 * n}" for n in range(60)]
    (here / "data" / "rows.csv").write_text("\n".join(["a,b,target", *rows]), encoding="utf-8")
    data = load_case("mine.py").dataset(Folders(given=here / "data"))
    assert data.columns == ("a", "b")
    assert len(data.development) + data.test.rows == 60


def test_pictures_of_ones_own_are_read(here: Path) -> None:
    main(["mine.py", "--images"])
    for place, name in enumerate(("cats", "dogs")):
        folder = here / "photos" / name
        folder.mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (30, 20), (20 * number, 99 * place, 0)).save(folder / f"{number}.png")
        (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    case = load_case("mine.py")
    data = case.dataset(Folders(given=here / "photos"))
    assert data.classes == ("cats", "dogs")
    assert case.read is not None
    shown = case.read(here / "photos" / "cats" / "3.png")
    assert shown.dtype == torch.uint8
    assert tuple(shown.shape) == data.row_shape


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_a_case_that_it_writes_runs_to_its_report(kind: str, here: Path) -> None:
    main(["mine.py", f"--{kind}"])
    settings: dict[str, Any] = {"trials": 2, "seeds": 2, "compute": Compute(workers=1)}
    command = "tuner study mine.py"
    ended = run_study(
        StudySettings(case="mine.py", workplace=Workplace.at(), command=command, **settings),
        Listening(),
    )
    assert ended.report is not None
    assert finished(load_study(Workplace.at().url, "mine")) == 2


@pytest.mark.slow
def test_a_loop_that_it_writes_runs_by_itself_and_by_tuner(here: Path) -> None:
    main(["mine.py", "--loop"])
    ran = subprocess.run(
        [sys.executable, "mine.py"], cwd=here, capture_output=True, text=True, check=True
    )
    assert "learning_rate" in ran.stdout
    shutil.rmtree(here / "storage", ignore_errors=True)
    assert study(["mine.py:objective", "--trials", "3", "--seeds", "0", "--workers", "1"]) == 0
    assert runpy.run_path("mine.py")["METRIC"] == "accuracy"
