"""Oddities of the data are reported and stored before any training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY
from tuner.engines.compute import Compute
from tuner.errors import DataError
from tuner.runs.observer import Message, Opened
from tuner.runs.settings import StudySettings
from tuner.runs.study import run_study
from tuner.study.schema import REMARKS
from tuner.study.store import facts_of, load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from tuner.runs.observer import Event

CASE = """
import sys
from dataclasses import replace
sys.path.insert(0, {root!r})
from tests.cases import tiny
from tuner import Examples, make_dataset

def load(folders):
    development, test = tiny.points(60, 0), tiny.points(40, 1)
    {change}
    return make_dataset(
        name="odd", source="a test", development=development, test=test,
        validation=tiny.KFold(3), classes=("left", "right"), columns=("x", "y"),
    )

CASE = replace(tiny.CASE, load=load)
"""


class Hasty:
    """Stores what it is told, and stops the run before it trains."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def wants_stop(self) -> bool:
        return True


def run(folder: Path, change: str) -> tuple[list[Event], Workplace]:
    case, observer, workplace = folder / "odd.py", Hasty(), Workplace.at(folder / "storage")
    case.write_text(CASE.format(root=str(Path(TINY).parents[2]), change=change))
    run_study(
        StudySettings(
            case=str(case),
            workplace=workplace,
            command=f"tuner study {case}",
            trials=2,
            compute=Compute(workers=1),
        ),
        observer,
    )
    return observer.told, workplace


def test_what_is_odd_is_told_first_and_kept(tmp_path: Path) -> None:
    told, workplace = run(tmp_path, "test = development")
    first, second = told[:2]
    assert isinstance(first, Message)
    assert isinstance(second, Opened)
    assert first.text.startswith("About the data: 60 rows of 60 in the development data (100.0 %)")
    study = load_study(workplace.url, "odd")
    assert study.user_attrs[REMARKS] == [first.text.removeprefix("About the data: ")]
    assert facts_of(study)["data"]["findings"]["in_test"] == 60
    assert study.get_trials()[0].state.name == "WAITING"


def test_of_sound_data_nothing_is_told_and_that_is_kept(tmp_path: Path) -> None:
    told, workplace = run(tmp_path, "pass")
    assert not any(isinstance(event, Message) for event in told)
    study = load_study(workplace.url, "odd")
    assert study.user_attrs[REMARKS] == []
    assert facts_of(study)["data"]["findings"]["in_test"] == 0


def test_a_way_of_reading_that_predict_cannot_know_is_told_first(tmp_path: Path) -> None:
    file, observer = tmp_path / "arrays.py", Hasty()
    root = str(Path(TINY).parents[2])
    file.write_text(
        f"import sys\nsys.path.insert(0, {root!r})\nfrom dataclasses import replace\n"
        "from tests.cases import stamps\nCASE = replace(stamps.CASE, read=None)\n"
    )
    settings = StudySettings(
        case=str(file),
        workplace=Workplace.at(tmp_path / "storage"),
        command="tuner study",
        compute=Compute(workers=1),
    )
    run_study(settings, observer)
    said = [event.text for event in observer.told if isinstance(event, Message)]
    assert any("a function `read` that reads one file as `load` does" in text for text in said)


def test_data_whose_parts_differ_in_shape_is_refused_before_a_study_is_made(tmp_path: Path) -> None:
    change = "test = Examples(features=test.features[:, :1], targets=test.targets)"
    with pytest.raises(DataError, match=r"test rows: features have shape \(40, 1\)"):
        run(tmp_path, change)
    assert not (tmp_path / "storage").exists()
