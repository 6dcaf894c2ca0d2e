"""Limits of a study: what costs too much is not trained, and the user is told."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from tests.making import (
    DATABASE,
    TINY,
    InterruptsAt,
    history,
    make_brief,
    make_engine,
    open_as_command,
    search,
)
from tests.runs.running import facts, run
from tuner import open_study
from tuner.case.loading import load_case
from tuner.commands.concluding import best_line, next_command
from tuner.commands.study import main, parser
from tuner.data.sources.folders import Folders
from tuner.errors import CaseError, StudyError, UsageError
from tuner.report.facts.counting import counts
from tuner.runs.folder.inventory import studies_of
from tuner.runs.search_end import forget_the_end
from tuner.search import limits as search_limits
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.study.arms import arms_of, candidates_of, why_no_changes
from tuner.study.limits import BREAKS, LATENCY, PARAMETERS, Limits, was_passed_over
from tuner.study.schema import OVER_LIMITS, STOPPED
from tuner.study.store import load_study
from tuner.study.trials import finished
from tuner.training.cost import latency_of, parameters_of
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from typing import Any

    from tuner.workplace import Workplace

CASE = load_case(TINY)
DATA = CASE.load(Folders())
FEW = Limits(parameters=40)  # the widest network (the recipe's) has 42, the baseline 22


def limited(folder: Path, limits: Limits) -> Any:
    return replace(make_brief(TINY, folder, breaks=False), limits=limits)


def test_parameters_are_counted_and_time_is_measured() -> None:
    assert parameters_of(CASE, CASE.baseline, DATA) == 2 * 4 + 4 + 4 * 2 + 2
    assert 0 < latency_of(CASE, CASE.baseline, DATA, Plan()) < 1000
    broken = CASE.hyperparameters({**vars_of(CASE.baseline), "breaks": True})
    with pytest.raises(CaseError, match=r"build fails: line .* MemoryError"):
        parameters_of(CASE, broken, DATA)
    with pytest.raises(CaseError, match="its model fails"):
        latency_of(CASE, broken, DATA, Plan())


def vars_of(hyperparameters: Any) -> dict[str, Any]:
    return asdict(hyperparameters)


@pytest.mark.slow
def test_the_same_command_again_trains_no_more(here: Workplace) -> None:
    """A skipped configuration does not count as one of the requested trials."""
    command = [TINY, "--trials", "8", "--seeds", "0", "--workers", "1", "--max-parameters", "40"]
    assert main(command) == 0
    first = load_study(DATABASE, "tiny").get_trials()
    assert any(map(was_passed_over, first)), "else this tests nothing"
    assert finished(load_study(DATABASE, "tiny")) == 8
    assert main(command) == 0
    again = load_study(DATABASE, "tiny").get_trials()
    assert [one.number for one in again] == [one.number for one in first]


def test_what_is_over_a_limit_is_not_trained(here: Workplace) -> None:
    config = limited(Path(), Limits(parameters=30))
    study = search(DATABASE, config, 12, name="tiny")
    trials = study.get_trials(deepcopy=False)
    passed_over = [trial for trial in trials if was_passed_over(trial)]
    assert passed_over
    for trial in passed_over:
        assert trial.state == TrialState.PRUNED
        assert trial.user_attrs[PARAMETERS] > 30
        assert trial.intermediate_values == {}
        assert trial.constraints == {PARAMETERS: trial.user_attrs[BREAKS][0]}
        assert "curve" not in trial.user_attrs
    assert finished(study) == 12
    assert counts(trials)["total"] == 12
    assert counts(trials)["passed_over"] == len(passed_over)
    recipe = trials[1]
    assert recipe.state == TrialState.COMPLETE  # trained anyway, for comparison
    assert recipe.user_attrs[BREAKS][0] > 0
    assert recipe.number not in [trial.number for trial in candidates_of(study)]
    assert arms_of(study)["best"].user_attrs[PARAMETERS] <= 30


@pytest.mark.slow
def test_a_limited_study_repeats_and_continues(here: Workplace, tmp_path: Path) -> None:
    config = limited(Path(), FEW)
    whole = history(search(f"sqlite:///{tmp_path}/one.db", config, 10))
    search(f"sqlite:///{tmp_path}/other.db", config, 5)
    assert history(search(f"sqlite:///{tmp_path}/other.db", config, 10)) == whole


@pytest.mark.slow
def test_a_space_that_keeps_no_limit_ends_the_search(
    here: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After this many in a row, over any number of runs; baseline and recipe are trained anyway."""
    for most in (30, 100, 100):
        monkeypatch.setattr(search_limits, "MOST_IN_A_ROW", most)
        study = search(DATABASE, limited(Path(), Limits(parameters=5)), 6, name="tiny")
        reason = f"after 2 trials: {most} configurations in a row need more than 5 parameters"
        assert study.user_attrs[STOPPED] == {"reason": reason, "trials": 2, OVER_LIMITS: most}
        assert sum(map(was_passed_over, study.get_trials())) == most
        assert list(arms_of(study)) == ["baseline", "recipe"]
        forget_the_end(study, trials=6, budget=None)


@pytest.mark.slow
def test_an_arm_that_was_interrupted_is_trained_before_the_search_gives_up(
    here: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number is lower than those of all that were skipped meanwhile."""
    monkeypatch.setattr(search_limits, "MOST_IN_A_ROW", 5)
    config = limited(Path(), Limits(cost=1e-6))
    study, opened = open_as_command(DATABASE, "tiny", config)
    engine = make_engine(3)
    try:
        with pytest.raises(KeyboardInterrupt):
            Coordinator(Mirror(study), opened, engine, InterruptsAt(1)).search(6)
        trials = load_study(DATABASE, "tiny").get_trials()
        assert [trial.state for trial in trials[:2]] == [TrialState.RUNNING] * 2
        assert sum(map(was_passed_over, trials)) == 5
    finally:
        engine.close()
    study = search(DATABASE, config, 6, name="tiny")
    assert [trial.state for trial in study.get_trials()[:2]] == [TrialState.COMPLETE] * 2
    assert len(study.get_trials()) == 7
    assert study.user_attrs[STOPPED]["trials"] == 2


@pytest.mark.slow
def test_a_study_whose_limits_end_the_search_has_its_report(
    here: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_limits, "MOST_IN_A_ROW", 5)
    wanted: dict[str, Any] = {
        "trials": 6,
        "seeds": 2,
        "limits": Limits(cost=1e-6),
        "fix": ("breaks=False",),
        "name": "tiny",
    }
    for _ in range(2):  # repeating the command gives the same message
        messages = run(TINY, here, **wanted).messages
        (why,) = [text for text in messages if text.startswith("Stopped by")]
        assert why == (
            "Stopped by the limits of the study after 2 trials: 5 configurations in a row need "
            "more than 1e-06 times the baseline's computing. To continue, start a new study with "
            "another --name: set higher limits, or use --fix for what makes a model too large."
        )
    found = facts(here)
    assert found["trials"]["complete"] == 2
    assert found["confirmation"]
    text = here.report("tiny").joinpath("report.md").read_text(encoding="utf-8")
    assert "5 configurations in a row were over the limits, so it ended after 2 trials." in text
    assert "Continue in a new study with another `--name`: set higher limits" in text
    assert "larger `--trials`" not in text
    assert "--trials auto" not in text
    assert "--trials 2 --max-cost 1e-06" in text


@pytest.mark.slow
def test_a_study_without_a_model_within_its_limits_has_its_report(
    here: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Baseline and recipe exceed them as well, so there is no best."""
    monkeypatch.setattr(search_limits, "MOST_IN_A_ROW", 5)
    run(TINY, here, trials=6, limits=Limits(parameters=5), fix=("breaks=False",), name="tiny")
    found = facts(here)
    assert list(found["arms"]) == ["baseline", "recipe"]
    text = here.report("tiny").joinpath("report.md").read_text(encoding="utf-8")
    assert "**No verdict: no model that was trained is within the limits of the study.**" in text
    assert "within the limits of the study, so there is nothing to use." in text
    assert "No complete trial is within the limits, so there is no best trial" in text
    for wrong in ("Confirm the result", "tuner ablate", "tuner retrain"):
        assert wrong not in text
    assert next_command(found, f"tuner study {TINY}") == ""
    assert best_line(found) == ""
    study = load_study(here.url, "tiny")
    assert why_no_changes(arms_of(study)) == "no model that was trained is within its limits"
    assert "within the limits" in open_study("tiny").verdict


@pytest.mark.slow
def test_other_limits_are_another_study(here: Workplace) -> None:
    run(TINY, here, trials=2, seeds=0, limits=FEW, fix=("breaks=False",), name="tiny")
    with pytest.raises(StudyError, match="its limit is 40 parameters, not none"):
        run(TINY, here, trials=2, seeds=0, fix=("breaks=False",), name="tiny")


@pytest.mark.slow
def test_limits_stand_in_the_report(here: Workplace) -> None:
    limits = Limits(parameters=40, latency_ms=60_000)
    run(TINY, here, trials=4, seeds=2, limits=limits, fix=("breaks=False",), name="tiny")
    found = facts(here)["limits"]
    assert found["arms"]["recipe"]["breaks"]
    assert found["arms"]["best"]["parameters"] <= 40
    assert [one.trials for one in studies_of(here)] == [4]
    study = load_study(here.url, "tiny")
    assert all(trial.user_attrs[LATENCY] > 0 for trial in study.get_trials(deepcopy=False))
    text = here.report("tiny").joinpath("report.md").read_text(encoding="utf-8")
    assert "The model may have 40 parameters and 60000 ms a row at most." in text
    assert "The recipe is over the limit, so it is shown for comparison" in text
    assert "| parameters (limit 40) | 22 |" in text
    assert "It differs from run to run" in text


@pytest.mark.parametrize("limits", [{"parameters": 0}, {"latency_ms": -1.0}, {"cost": 0}])
def test_limits_are_above_zero(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is not above zero"):
        Limits(**limits)


@pytest.mark.parametrize(
    "typed",
    [
        ["--max-parameters", "0"],
        ["--max-latency-ms", "fast"],
        ["--max-latency-ms", "nan"],
        ["--max-cost", "-1"],
    ],
)
def test_a_limit_that_nothing_keeps_is_refused(
    typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["tiny.py", *typed])
    assert "it takes a" in capsys.readouterr().err
