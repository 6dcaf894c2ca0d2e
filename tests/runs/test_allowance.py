"""The cost that a time budget allows for a trial: decided once, before any training."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from tests.making import DATABASE, TINY, history, make_brief, open_as_command, search
from tuner.commands.study import main
from tuner.engines.inprocess import InProcessEngine
from tuner.runs.allowance import allow, seconds_of_baseline, seconds_of_guesses
from tuner.runs.budget import Budget, PlannedConfirmation
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.study.limits import Limits, limits_of, was_passed_over
from tuner.study.schema import ALLOWED, ARM, BUDGET, GUESS, STOPPED, TRIED
from tuner.study.store import facts_of, load_study, settle
from tuner.study.trials import finished, is_new_guess
from tuner.workplace import Workplace

if TYPE_CHECKING:
    import optuna

    from tuner.study.configuration import StudyConfig

CHEAP = {"epochs": 5, "learning_rate": 0.1}
DEAR = {"epochs": 6, "width": 8}
SECONDS = 100.0


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyConfig:
    monkeypatch.chdir(tmp_path)
    return make_brief(TINY, tmp_path)


def guessing(config: StudyConfig, *guesses: dict[str, Any]) -> StudyConfig:
    whole = tuple(replace(config.case.baseline, **one) for one in guesses)
    return replace(config, case=replace(config.case, guesses=whole))


def allowing(study: optuna.Study, cost: float, taken: float = 1.0) -> None:
    """Store the decision of a run with a time budget."""
    allowed = {"seconds": SECONDS, "cost": cost, "baseline_seconds": taken, "models": None}
    study.set_user_attr(ALLOWED, allowed)


def begun(config: StudyConfig, cost: float) -> tuple[optuna.Study, StudyConfig]:
    study, config = open_as_command(DATABASE, "tiny", config)
    allowing(study, cost)
    return study, allow(study, config, InProcessEngine(), SECONDS, print)


def test_the_baseline_is_measured_and_decides(config: StudyConfig) -> None:
    study, config = open_as_command(DATABASE, "tiny", config)
    said = list[str]()
    limited = allow(study, config, InProcessEngine(), SECONDS, said.append)
    allowed = study.user_attrs[ALLOWED]
    assert 0 < allowed["baseline_seconds"] < SECONDS / 10
    most = SECONDS / 20 / allowed["baseline_seconds"]
    assert allowed["cost"] == limited.limits.cost == pytest.approx(max(1, most), rel=0.05)
    assert len(said) == 1
    again = allow(study, config, InProcessEngine(), SECONDS, said.append)
    assert again.limits == limits_of(study.user_attrs) == limited.limits
    assert len(said) == 1, "it is decided, and not measured again"
    allow(study, config, InProcessEngine(), 2 * SECONDS, said.append)
    assert study.user_attrs[ALLOWED]["seconds"] == 2 * SECONDS
    assert config.limits == Limits(), "the study is not another one"


def test_a_baseline_that_fails_limits_nothing(config: StudyConfig) -> None:
    broken = replace(config.case.baseline, breaks=True)
    config = replace(config, case=replace(config.case, baseline=broken))
    assert seconds_of_baseline(config, InProcessEngine(), 60) is None
    study, config = open_as_command(DATABASE, "tiny", config)
    assert allow(study, config, InProcessEngine(), SECONDS, print).limits == Limits()


def test_a_baseline_that_tells_nothing_in_time_takes_that_long_a_report(
    config: StudyConfig,
) -> None:
    class Silent(InProcessEngine):
        def next(self, key: int, timeout: float) -> None:  # type: ignore[override]
            del key, timeout

    reports = config.case.baseline.epochs * config.case.points_per_epoch
    assert seconds_of_baseline(config, Silent(), 0.01) == 0.005 * reports


@pytest.mark.parametrize(
    ("attributes", "cost"), [({}, 3), ({GUESS}, 6), ({ARM}, None), ({TRIED}, None)]
)
def test_whom_the_limit_is_for(attributes: set[str], cost: float | None) -> None:
    assert Limits(cost=3).of_trial(attributes) == Limits(cost=cost)
    assert Limits(parameters=9).of_trial(attributes) == Limits(parameters=9)


def test_what_costs_more_is_not_trained(config: StudyConfig) -> None:
    study, config = begun(guessing(config, DEAR, CHEAP), 0.7)
    (cheap,) = seconds_of_guesses(study, config).values()
    assert 1 < cheap < 1.4
    Coordinator(Mirror(study), config, InProcessEngine()).search(8)
    baseline, recipe, dear, guess, *drawn = study.get_trials(deepcopy=False)
    assert (baseline.state, recipe.state) == (TrialState.COMPLETE, TrialState.COMPLETE)
    assert was_passed_over(dear)
    assert dear.user_attrs["cost"] > 1.4
    assert guess.state == TrialState.COMPLETE
    for trial in drawn:
        cannot_be_built = trial.state == TrialState.FAIL
        assert cannot_be_built == trial.params["breaks"]
        assert cannot_be_built or was_passed_over(trial) == (trial.user_attrs["cost"] > 0.7)
    assert finished(study) == 8


@pytest.mark.slow
def test_where_nothing_fits_the_search_ends_with_what_there_is(config: StudyConfig) -> None:
    study, limited = begun(replace(config, fixed={"breaks": False}), 0.01)
    Coordinator(Mirror(study), limited, InProcessEngine()).search(20)
    assert finished(study) == 2
    assert study.user_attrs[STOPPED]["reason"].startswith(
        "after 2 trials: 100 configurations in a row"
    )
    assert study.user_attrs[BUDGET] == {"seconds": SECONDS}


@pytest.mark.slow
def test_where_nothing_fits_the_command_confirms_what_there_is(
    config: StudyConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tuner.runs.allowance.seconds_of_baseline", lambda *_: 3.5)
    words = [
        TINY,
        "--name",
        "tiny",
        "--fix",
        "epochs=6",
        "--fix",
        "breaks=False",
        "--trials",
        "12",
        "--budget",
        "60s",
    ]
    assert main([*words, "--workers", "1", "--seeds", "6"]) == 0
    assert "Stopped by --budget after 2 trials: 100 configurations" in capsys.readouterr().out
    assert load_study(Workplace.at().url, "tiny").user_attrs[BUDGET] == {"seconds": 60}


def test_a_guess_that_nobody_has_begun_waits_once_the_time_is_over(config: StudyConfig) -> None:
    study, config = open_as_command(DATABASE, "tiny", guessing(config, CHEAP, DEAR))
    asked = list[int]()

    def enough(study: optuna.Study) -> str | None:
        asked.append(finished(study))
        return None if finished(study) < 3 else "enough"

    Coordinator(Mirror(study), config, InProcessEngine()).search(20, enough=enough)
    assert asked == [2, 3], "arms are not asked about"
    left = study.get_trials(deepcopy=False)[3]
    assert is_new_guess(left)
    study.ask()
    assert settle(study) == 1, "the guess had been begun, and was interrupted"
    study._storage.set_trial_user_attr(left._trial_id, "seed", 1)
    assert not is_new_guess(study.get_trials(deepcopy=False)[3])
    Coordinator(Mirror(study), config, InProcessEngine()).search(20, enough=enough)
    assert finished(study) == 4


def test_what_a_person_asks_for_is_trained_though_a_guess_waits_before_it(
    config: StudyConfig,
) -> None:
    study, config = open_as_command(DATABASE, "tiny", guessing(config, CHEAP, DEAR))

    def enough(study: optuna.Study) -> str | None:
        return None if finished(study) < 3 else "enough"

    Coordinator(Mirror(study), config, InProcessEngine()).search(20, enough=enough)
    asked = {**study.trials[0].params, "dropout": 0.25}
    study.enqueue_trial(asked, user_attrs={TRIED: {"dropout": 0.25}})
    assert [trial.state.name for trial in study.trials[3:]] == ["WAITING", "WAITING"]
    Coordinator(Mirror(study), config, InProcessEngine()).search(20, enough=enough)
    guess, tried = study.trials[3:]
    assert guess.state.is_finished()
    assert (tried.state, tried.params) == (TrialState.COMPLETE, asked)
    assert finished(study) == 5


def test_a_limit_that_was_typed_is_as_any_other(config: StudyConfig) -> None:
    limited = replace(guessing(config, DEAR), limits=Limits(cost=0.6))
    study = search(DATABASE, limited, 5, name="tiny")
    assert was_passed_over(study.get_trials(deepcopy=False)[2])
    assert limits_of(study.user_attrs) == Limits(cost=0.6)


def budget_with(study: optuna.Study, left: float) -> Budget:
    return Budget(
        study=study,
        facts=facts_of(study),
        seconds=SECONDS,
        spent=SECONDS - left,
        planned=PlannedConfirmation(rounds=6, models=8, fewest=4, most=8),
        folds=3,
        slots=1,
        audits=True,
        say=print,
    )


def test_the_time_that_is_left_decides_between_two_looks_and_one(
    config: StudyConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    study = search(DATABASE, config, 4, name="tiny")
    assert budget_with(study, 0).models_that_fit(study) is None, "nothing is known of the baseline"
    allowing(study, 9)
    two_looks = budget_with(study, SECONDS).seconds_to_keep(study)
    assert budget_with(study, SECONDS).models_that_fit(study) is None
    assert budget_with(study, 0).models_that_fit(study) is None, "that is decided, too"
    allowing(study, 9)
    assert budget_with(study, 0).models_that_fit(study) == 4
    told = capsys.readouterr().out
    assert "is used up, so one look at 4 models per arm is taken, where two looks" in told
    assert budget_with(study, SECONDS).models_that_fit(study) == 4, "it is decided"
    allowing(study, 9)
    some = budget_with(study, 0.5 * two_looks).models_that_fit(study)
    assert some is not None
    assert 4 <= some < 8
    assert f"is enough for one look at {some} models per arm" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_of_its_report_makes_the_same_study_without_a_clock(
    config: StudyConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tuner.runs.allowance.seconds_of_baseline", lambda *_: 3.5)
    text = Path(TINY).read_text("utf-8").replace('"epochs", 2, 6', '"epochs", 2, 12')
    guesses = "    guesses=(),  # tests/study/test_guesses.py has cases with some\n"
    assert guesses in text
    assert '"epochs", 2, 12' in text
    Path("quick.py").write_text(text.replace(guesses, ""), "utf-8")
    words = ["quick.py", "--fix", "breaks=False", "--trials", "12", "--budget", "60s"]
    words += ["--workers", "1", "--name", "tiny"]
    assert main(words) == 0
    made = load_study(Workplace.at().url, "tiny")
    assert made.user_attrs[ALLOWED]["cost"] == 1
    trials = made.get_trials(deepcopy=False)
    assert any(was_passed_over(one) for one in trials)
    assert not any(was_passed_over(one) for one in trials if GUESS in one.user_attrs)
    assert "the first of these has epochs=7." in capsys.readouterr().out
    report = Workplace.at().report("tiny").joinpath("report.md").read_text("utf-8")
    assert "its time budget of 1 min 0 s, a trial may compute no more than the baseline." in (
        " ".join(report.split())
    )
    (line,) = (one for one in report.splitlines() if "storage-again" in one)
    assert "--budget" not in line
    assert main(shlex.split(line)[2:]) == 0
    again = load_study(Workplace.at(Path("storage-again")).url, "tiny")
    assert history(again) == history(made)
    report = Path("storage-again/reports/tiny/report.md").read_text("utf-8")
    assert "A trial may compute no more than the baseline." in " ".join(report.split())
    facts = json.loads(Path("storage-again/reports/tiny/report.json").read_text("utf-8"))
    assert facts["limits"]["limits"]["cost"] == 1
