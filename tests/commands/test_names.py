"""A mistyped name is refused before slow imports, as seen by the imported modules."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.making import TINY
from tuner.case import metric
from tuner.case.metric_names import OWN, check_metric
from tuner.case.scorers import names_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Refused: TypeAlias = "list[tuple[list[str], str]]"

HEAVY = ("torch", "optuna", "sqlalchemy", "numpy", "sklearn", "matplotlib", "rich")
STORED = ("report", "ablate", "placebo", "verify", "retrain", "best", "delete")
REFUSED = [
    (["study", "Housing"], "did you mean 'housing'?"),
    (["study", "nowhere.py"], "no case file nowhere.py"),
    (["study", "housing", "--name", ""], "the study name '' is empty"),
    (["study", "housing", "--name", "../up"], "has a slash"),
    (["study", "housing", "--fix", "depht=2"], "did you mean 'depth'?"),
    (["study", "flowers", "--fix", "depth=99"], "--fix depth=99 is out of range"),
    (["study", "mnist", "--fix", "head=flat"], "is not one of its choices"),
    (["study", TINY, "--fix", "widht=3"], "did you mean 'width'?"),
    (["study", "housing", "--try", "depth=2,widht=3"], "did you mean 'width'?"),
    (["study", "housing", "--storage", "nonsense"], "is not a storage URL"),
    (["study", "housing", "--data-dir", "nowhere"], "--data-dir nowhere"),
    (["study", "housing", "--workers", "99999"], "this machine allows at most"),
    (["study", "housing", "--address", "auto"], "is only used with --engine ray"),
    (["compare", "tiny", "tinny"], "did you mean 'tiny'?"),
    (["rename", "tiny", ".hidden"], "begins with a dot"),
    (["rename", "tinny", "other"], "did you mean 'tiny'?"),
    (["list", "--storage", "sqlite:///none.db"], "no database none.db"),
    (["clean", "--home", "nowhere"], "no database nowhere"),
    *(([command, "tinny"], "did you mean 'tiny'?") for command in STORED),
    *(([command, "tiny", "--home", "nowhere"], "no database nowhere") for command in STORED),
]
PROGRAM = """
import importlib, json, sys
told = []
for words in json.loads(sys.argv[1]):
    main = importlib.import_module("tuner.commands." + words[0]).main
    try:
        main(words[1:])
        told.append("accepted")
    except Exception as error:
        told.append(str(error))
print(json.dumps([told, sorted(set(json.loads(sys.argv[2])) & sys.modules.keys())]))
"""


TABLE = ["study", "table", "--data", "houses.csv", "--target"]
SHEET = ["study", "images", "--data", "houses.csv"]
LOOP = "train.py:train"
OF_WHAT_IS_GIVEN = [
    (["study", "table", "--data", "none.csv", "--target", "price"], "none.csv cannot be read"),
    (["study", "table", "--data", ".", "--target", "price"], "is a folder; name a CSV"),
    (["study", "table", "--data", "book.csv", "--target", "price"], "a zip or Excel file"),
    ([*TABLE, "prise"], "no column 'prise'; did you mean 'price'?"),
    ([*TABLE, "price", "--group", "twon"], "no column 'twon'; did you mean 'town'?"),
    ([*TABLE, "price", "--time", "day"], "no column 'day'. The columns are"),
    (["study", "images", "--data", "photo"], "did you mean photos?"),
    (["study", "images", "--data", "book.csv.zip"], "does not exist"),
    (["study", "images", "--data", "photos", "--target", "price"], "--target is for a CSV file"),
    (SHEET, "--image is missing"),
    ([*SHEET, "--image", "twon", "--target", "price"], "did you mean 'town'?"),
    ([*SHEET, "--image", "town", "--target", "prise"], "did you mean 'price'?"),
    (["study", "my photos"], "type: tuner study images --data 'my photos'"),
    (["study", "houses.csv"], "type: tuner study table --data houses.csv --target COLUMN"),
    (["study", "train"], "not a case, but there is such a file; type: tuner study train.py"),
    (
        ["study", "data/houses.csv"],
        "data/houses.csv does not exist; check its path, or name a case",
    ),
    (["study", "cases"], "name its file; type: tuner study cases/b.py"),
    (["study", "loops"], "name its file; type: tuner study loops/train.py:objective"),
    (["study", ""], "no case ''"),
    (["study", LOOP], "which way is the score of train.py:train better?"),
    (["study", LOOP, "--direction", "maximize", "--baseline", "lr"], "--baseline lr has no value"),
    (["study", LOOP, "--direction", "maximize", "--recipe", "a=1", "--recipe", "a=2"], "twice"),
    (["study", LOOP, "--direction", "maximize", "--try", "lr=1,width"], "width has no value"),
    (
        ["check", "cases/b.py"],
        "a case, not a loop. A study tries a case out before it trains; type:",
    ),
    (["check", "fit.py"], "no function train or objective; type: tuner check fit.py:fit"),
    (["check", "cases/a.py"], "cases/a.py does not name a loop; name a file and a function"),
    (["check", "housing"], "housing does not name a loop; name a file and a function"),
    (["check", "none.py"], "no file none.py"),
    (["token", "list", "--home", "nowhere"], "no database nowhere"),
    (["files", "--home", "nowhere"], "there is no folder nowhere; name the storage with"),
    (["predict", "bundle", "none.csv"], "none.csv cannot be read: there is no such file"),
]
METRICS = [
    (["study", "housing", "--metric", "neg_mean_squared_eror"], "did you mean 'neg_mean_squared_e"),
    ([*TABLE, "price", "--metric", "acuracy"], "no metric 'acuracy'; did you mean 'accuracy'?"),
    (["study", "images", "--data", "photos", "--metric", "roc"], "no metric 'roc'"),
]


def said_of(refused: Refused, heavy: Sequence[str], cwd: Path) -> list[str]:
    """Return the messages for each line, from a process that cannot import these modules."""
    typed = json.dumps([words for words, _ in refused])
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, typed, json.dumps(heavy)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    told, imported = json.loads(ended.stdout)
    assert imported == []
    return list(told)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder with a table, folders of pictures, cases and loops, a loop, and a bundle."""
    (tmp_path / "houses.csv").write_text("town; price ;size\nA;1;2\nB;2;3\n", encoding="utf-8")
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04 and so on")
    for folder in ("photos", "bundle", "my photos", "cases", "loops"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / "train.py").write_text("def train(trial):\n    yield 1\n", encoding="utf-8")
    fit = "def fit(trial):\n    return trial.suggest_float('x', 0, 1)\n"
    (tmp_path / "fit.py").write_text(fit, encoding="utf-8")
    (tmp_path / "cases" / "a.py").write_text("A = 1\n", encoding="utf-8")
    (tmp_path / "cases" / "b.py").write_text("CASE = 1\n", encoding="utf-8")
    loop = "def objective(trial):\n    return 1\n"
    (tmp_path / "loops" / "train.py").write_text(loop, encoding="utf-8")
    return tmp_path


def test_mistyped_names_are_refused_without_torch_and_optuna(workplace: Path) -> None:
    said = said_of(REFUSED, HEAVY, workplace)
    for (words, message), told in zip(REFUSED, said, strict=True):
        assert message in told, words


def test_what_a_door_or_a_loop_cannot_use_is_refused_without_torch(given: Path) -> None:
    said = said_of(OF_WHAT_IS_GIVEN, HEAVY, given)
    for (words, message), told in zip(OF_WHAT_IS_GIVEN, said, strict=True):
        assert message in told, words


@pytest.mark.slow
def test_a_metric_that_nothing_has_is_refused_without_torch(given: Path) -> None:
    said = said_of(METRICS, ("torch", "optuna"), given)
    for (words, message), told in zip(METRICS, said, strict=True):
        assert message in told, words


def test_the_names_that_are_known_without_torch_are_those_of_the_metrics() -> None:
    assert sorted(OWN) == sorted(metric.METRICS)
    for task in metric.METRICS_OF:
        for name in names_for(task):
            check_metric(name)
