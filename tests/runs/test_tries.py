from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from tests.making import DATABASE, HERE, TINY
from tuner.case.contract import Case
from tuner.case.loading import load_case
from tuner.commands.study import main
from tuner.errors import UsageError
from tuner.runs.settings import StudySettings
from tuner.runs.tries import parse_tries, with_trials_of
from tuner.study.schema import SESSIONS, TRIED
from tuner.study.store import load_study

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders

LINE = [TINY, "--trials", "3", "--seeds", "0", "--workers", "1"]


@pytest.mark.slow
def test_a_configuration_of_ones_own_is_the_next_trial_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(LINE) == 0
    tried = [*LINE, "--try", "width=7,step_lr=True,step_size=2"]
    assert main(tried) == 0
    study = load_study(DATABASE, "tiny")
    assert len(study.trials) == 4, "beyond --trials, which had been reached"
    own = study.trials[3]
    assert own.user_attrs[TRIED] == {"width": 7, "step_lr": True, "step_size": 2}
    found = own.user_attrs["hyperparameters"]
    assert (found["width"], found["step_lr"], found["step_size"]) == (7, True, 2)
    assert found["learning_rate"] == load_case(TINY).baseline.learning_rate
    assert "trial 3 (yours)" in capsys.readouterr().out
    told = Path("storage/reports/tiny/report.md").read_text()
    assert "- Your own configuration, trial 3 (`width=7,step_lr=True,step_size=2`): " in told
    assert main(tried) == 0
    assert len(load_study(DATABASE, "tiny").trials) == 4
    assert "trial 3 is this configuration already" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("asked", [["--trials", "3"], ["--trials", "auto", "--timeout", "1"]])
def test_a_finished_study_is_not_searched_further_for_the_sake_of_a_try(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = [TINY, "--seeds", "0", "--workers", "1"]
    assert main([*plain, *asked]) == 0
    done = len(load_study(DATABASE, "tiny").trials)
    for trials, width in ((done + 1, 7), (done + 2, 5)):
        assert main([*plain, "--try", f"width={width}"]) == 0
        study = load_study(DATABASE, "tiny")
        assert len(study.trials) == trials
        assert study.trials[-1].user_attrs[TRIED] == {"width": width}
    next_line = capsys.readouterr().out.splitlines()[-1]
    assert f"--trials {done + 2}   # is it really better?" in next_line, "nor by what is said next"
    assert main([*plain, "--try", "width=5", "--trials", str(done + 3)]) == 0
    assert len(load_study(DATABASE, "tiny").trials) == done + 3, "unless --trials says more"


def test_an_interrupted_study_continues_to_what_it_was_asked_for() -> None:
    study = optuna.create_study()
    for _ in range(2):
        study.tell(study.ask(), 0.0)
    settings = StudySettings(
        case=TINY, workplace=HERE, command="", tries=("width=7",), trials_by_default=True
    )
    assert with_trials_of(study, settings).trials == 2, "made before this was kept"
    study.set_user_attr(SESSIONS, [{"trials": 20}])
    assert with_trials_of(study, settings).trials == 20
    assert with_trials_of(study, replace(settings, trials_by_default=False)) == replace(
        settings, trials_by_default=False
    )
    assert with_trials_of(optuna.create_study(), settings) == settings, "a new study is searched"


@pytest.mark.slow
def test_what_follows_is_a_function_of_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = []
    for folder in ("once", "again"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert main([*LINE, "--try", "width=7"]) == 0
        assert main([*LINE, "--try", "width=7", "--trials", "6"]) == 0
        params.append([trial.params for trial in load_study(DATABASE, "tiny").trials])
    assert params[0] == params[1]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("width=99", "--try width=99 is out of range"),
        ("widht=3", "did you mean 'width'"),
        ("width", "has no value"),
        ("width=3,width=4", "names width twice"),
        ("step_size=2", "step_size would change nothing"),
        ("dropout=0.2", "this study fixes dropout=0.1"),
    ],
)
def test_what_cannot_be_tried_is_refused(typed: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_tries(load_case(TINY), {"dropout": 0.1}, [typed])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([TINY, "--fix", "widht=3"], "no hyperparameter 'widht'; did you mean 'width'"),
        ([TINY, "--fix", "width=99"], "--fix width=99 is out of range"),
        ([TINY, "--try", "width=99"], "--try width=99 is out of range"),
        (["images", "--data", "photos", "--fix", "depht=3"], "did you mean 'depth'"),
        (["images", "--data", "photos", "--fix", "patience=5"], "no hyperparameter 'patience'"),
        (["images", "--data", "photos", "--fix", "depth=99"], "--fix depth=99 is out of range"),
        (["images", "--data", "photos", "--try", "depth=3,epoch=9"], "did you mean 'epochs'"),
        (["images", "--data", "photos", "--try", "optimizer=sgd"], "--try optimizer=sgd"),
    ],
)
def test_what_no_data_can_make_right_is_refused_before_any_is_read(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a folder of pictures takes minutes."""

    def read(case: Case, folders: Folders) -> Dataset:
        raise AssertionError(f"the data of {case.name} is read from {folders}")

    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    monkeypatch.setattr(Case, "dataset", read)
    with pytest.raises(UsageError, match=said):
        main([*words, "--seeds", "0"])


def test_a_space_may_need_what_loading_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case, seen = load_case(TINY), []

    def load(folders: Folders) -> Dataset:
        seen.append(folders)
        return case.load(folders)

    def suggest(trial: BaseTrial) -> Any:
        assert seen, "what load sets is not there"
        return case.suggest(trial)

    monkeypatch.setattr(
        "tuner.runs.study.load_case", lambda _: replace(case, load=load, suggest=suggest)
    )
    assert main([*LINE, "--fix", "width=3"]) == 0
