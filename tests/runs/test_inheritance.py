"""A child study takes over the finished trials that fit, and no others."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from tests.making import HERE, TINY
from tuner.commands.rename import main as rename
from tuner.commands.study import main as study
from tuner.commands.verify import main as verify
from tuner.errors import StudyError, UsageError
from tuner.study.database.storage import open_storage
from tuner.study.schema import PARENT, TAKEN
from tuner.study.store import load_study

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

COMMON = ["--seeds", "0", "--workers", "1"]
CALM = ("--fix", "breaks=False")  # failed trials would not be taken over


def run(*arguments: str, case: str = TINY) -> list[FrozenTrial]:
    assert study([case, *COMMON, *arguments]) == 0
    name = arguments[arguments.index("--name") + 1]
    return load_study(HERE.url, name).get_trials()


def of_parent() -> list[FrozenTrial]:
    return load_study(HERE.url, "parent").get_trials()


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study `parent` with five trials; read it only."""
    folder = tmp_path_factory.mktemp("parent")
    with chdir(folder):
        run("--name", "parent", "--trials", "5", *CALM)
    return folder


@pytest.fixture
def parent(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, in which the test runs."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def widths(trials: list[FrozenTrial]) -> list[int]:
    return [trial.params["width"] for trial in trials]


@pytest.mark.slow
def test_what_fits_is_taken_over_and_the_search_goes_on(parent: Path) -> None:
    before = of_parent()
    wanted = before[3].params["width"]  # of a trial drawn by the search
    fixed = ("--fix", f"width={wanted}", *CALM)
    found = run("--name", "child", "--from", "parent", "--trials", "6", *fixed)
    taken = [trial for trial in found if TAKEN in trial.user_attrs]
    numbers = [trial.user_attrs[TAKEN]["trial"] for trial in taken]
    assert numbers == [t.number for t in before if "arm" in t.user_attrs or widths([t]) == [wanted]]
    assert [trial.number for trial in taken] == list(range(len(taken)))
    for trial, number in zip(taken, numbers, strict=True):
        there = before[number]
        assert (trial.state, trial.values, trial.params, trial.distributions) == (
            *(there.state, there.values, there.params),
            there.distributions,
        )
        assert trial.intermediate_values == there.intermediate_values
        assert trial.user_attrs["seed"] == there.user_attrs["seed"]
    assert sum(trial.state.is_finished() for trial in found) == 6
    assert {*widths(found[len(taken) :])} == {wanted}
    assert [t.user_attrs.get("arm") for t in found if "arm" in t.user_attrs] == [
        "baseline",
        "recipe",
    ]
    kept = load_study(HERE.url, "child").user_attrs[PARENT]
    assert (kept["study"], kept["taken"], kept["left"]) == (
        *("parent", len(taken)),
        len(before) - len(taken),
    )
    assert of_parent() == before, "the parent is as it was"
    assert verify(["child", "--workers", "1", "--case", TINY]) == 0


@pytest.mark.slow
def test_fewer_trials_than_are_taken_over_are_said_to_be_so(
    parent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = len(of_parent()) - 1
    found = run("--name", "child", "--from", "parent", "--trials", str(asked), *CALM)
    assert len(found) == len(of_parent())
    said = capsys.readouterr().out
    assert f"They count among --trials, which is {asked}: so the search has nothing left" in said
    assert f"ask for more than {len(found)} with --trials" in said
    run("--name", "other", "--from", "parent", "--trials", str(len(found) + 1), *CALM)
    assert "They count among" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_parent_may_be_renamed(parent: Path) -> None:
    run("--name", "child", "--from", "parent", "--trials", "6", *CALM)
    assert rename(["parent", "mother"]) == 0
    assert len(run("--name", "child", "--from", "mother", "--trials", "7", *CALM)) == 7
    run("--name", "parent", "--seed", "1", "--trials", "2", *CALM)
    with pytest.raises(StudyError):
        run("--name", "child", "--from", "parent", "--trials", "8", *CALM)


@pytest.mark.slow
def test_a_child_that_was_interrupted_takes_over_what_is_missing(parent: Path) -> None:
    whole = run("--name", "child", "--from", "parent", "--trials", "6", *CALM)
    assert len([t for t in whole if TAKEN in t.user_attrs]) == len(of_parent())
    storage = open_storage(HERE.url, create=False)
    made = load_study(HERE.url, "child")
    attributes = made.user_attrs
    optuna.delete_study(study_name="child", storage=storage)
    again = optuna.create_study(study_name="child", storage=storage, direction=made.direction)
    for name, value in attributes.items():
        again.set_user_attr(name, value)
    again.set_user_attr(PARENT, {"study": "parent", "identity": attributes[PARENT]["identity"]})
    for trial in whole[:2]:  # and then it was killed
        again.add_trial(trial)
    resumed = run("--name", "child", "--from", "parent", "--trials", "6", *CALM)
    assert [t.params for t in resumed] == [t.params for t in whole]
    assert [t.values for t in resumed] == [t.values for t in whole]
    assert run("--name", "child", "--from", "parent", "--trials", "6", *CALM) == resumed


@pytest.mark.slow
def test_a_changed_range_keeps_what_is_inside(parent: Path) -> None:
    case = parent / "tiny.py"
    text = Path(TINY).read_text(encoding="utf-8")
    case.write_text(
        text.replace('suggest_int("width", 2, 8)', 'suggest_int("width", 4, 16)'), encoding="utf-8"
    )
    arguments = ("--name", "child", "--from", "parent", "--trials", "7", *CALM)
    with pytest.raises(StudyError, match="the code of its case has changed"):
        run(*arguments, case=str(case))
    found = run(*arguments, "--accept-changes", case=str(case))
    taken = [trial for trial in found if TAKEN in trial.user_attrs]
    assert widths(taken) == [width for width in widths(of_parent()) if width >= 4]
    assert all(trial.distributions["width"].high == 16 for trial in taken)  # type: ignore[attr-defined]
    assert all(trial.state != TrialState.WAITING for trial in found)


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["--from", "parrent"], UsageError, "did you mean 'parent'"),
        (["--from", "parent", "--seed", "1"], StudyError, "its seed is 0, not 1"),
        (["--from", "parent", "--metric", "f1_macro"], StudyError, "its metric is"),
        (["--from", "parent", "--precision", "bfloat16"], StudyError, "its precision is"),
    ],
)
def test_what_was_trained_otherwise_is_not_taken_over(
    parent: Path, arguments: list[str], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        run("--name", "child", *CALM, *arguments)
    names = [one.study_name for one in open_storage(HERE.url, create=False).get_all_studies()]
    assert "child" not in names


@pytest.mark.slow
def test_a_study_that_has_begun_without_takes_nothing_over(parent: Path) -> None:
    run("--name", "other", "--trials", "2", *CALM)
    with pytest.raises(StudyError, match="has begun without --from"):
        run("--name", "other", "--from", "parent", "--trials", "3", *CALM)
