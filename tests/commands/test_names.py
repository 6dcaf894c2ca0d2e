"""A mistyped name is refused before anything slow is imported; not by the clock, by what is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.making import TINY

if TYPE_CHECKING:
    from pathlib import Path

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


def test_mistyped_names_are_refused_without_torch_and_optuna(workplace: Path) -> None:
    typed = json.dumps([words for words, _ in REFUSED])
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, typed, json.dumps(HEAVY)],
        cwd=workplace,
        capture_output=True,
        text=True,
        check=True,
    )
    told, imported = json.loads(ended.stdout)
    assert imported == []
    for (words, message), said in zip(REFUSED, told, strict=True):
        assert message in said, words
