"""`tuner study --budget`: the clock only decides when the search stops asking for trials."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from optuna.trial import TrialState

from tests.making import TINY
from tests.report.studies import add_session, add_trial, make_study
from tuner.commands.study import main, parser, settings_of
from tuner.evidence.duration import duration_in_words
from tuner.evidence.statistics.looks import Plan
from tuner.runs.budget import Budget, PlannedConfirmation
from tuner.runs.observer import Silent
from tuner.runs.record import seconds_spent
from tuner.runs.search_end import enough_by, forget_the_end
from tuner.runs.settings import DEFAULT_TRIALS, MOST_TRIALS, StudySettings
from tuner.study.design import RaceRules
from tuner.study.schema import BUDGET, STOPPED
from tuner.study.store import facts_of, load_study, open_evidence
from tuner.workplace import Workplace

RACE = RaceRules(entered=(6, 5, 4, 3, 2), arms=5)


class Clock:
    """A clock that the test advances."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("tuner.runs.budget.time", made)
    return made


def budget_of(study: optuna.Study, said: list[str], seconds: float = 600, **told: float) -> Budget:
    return Budget(
        study=study,
        facts={**facts_of(study), "race": asdict(RACE)},
        seconds=seconds,
        spent=told.get("spent", 0),
        planned=PlannedConfirmation(
            rounds=5,
            models=int(told.get("models", 6)),
            fewest=int(told.get("fewest", told.get("models", 6))),
            most=int(told.get("most", told.get("models", 6))),
        ),
        folds=5,
        slots=int(told.get("slots", 1)),
        audits=True,
        say=said.append,
    )


def test_it_stops_asking_when_one_more_would_not_fit(tmp_path: Path, clock: Clock) -> None:
    study, said = make_study(tmp_path), list[str]()
    budget = budget_of(study, said)
    budget.tell()
    assert said == [], "nothing has ended"
    clock.now += 700
    assert budget.reason_to_stop(study) is None, "nothing has ended"
    clock.now -= 700
    add_trial(study, value=0.6, arm="baseline")  # 12.5 s
    clock.now += 12.5
    budget.tell()
    # Five rounds of one more trial, baseline and recipe, and six models of all three.
    confirmation = 1.2 * 33 * 12.5 / 5
    assert budget.seconds_to_keep(study) == pytest.approx(confirmation + 1.25), "and an audit"
    assert said == [
        "Time budget: 12 s of 10 min are used. A trial takes about 12 s, and the steps after the "
        "search take about 1 min 40 s. So there is time for about 38 more trials."
    ]
    assert budget.reason_to_stop(study) is None
    clock.now = 1000 + 600 - confirmation - 1.25 - 12.5
    assert budget.reason_to_stop(study) is None
    clock.now += 1
    reason = budget.reason_to_stop(study)
    assert reason == "so that the rest fits into 10 min"
    assert study.user_attrs[BUDGET] == {"seconds": 600}


def test_what_it_says_is_corrected_on_the_way(tmp_path: Path, clock: Clock) -> None:
    study, said = make_study(tmp_path), list[str]()
    budget = budget_of(study, said)
    for _ in range(12):
        add_trial(study, TrialState.PRUNED, 0.5, stop=2)
        clock.now += 5
        budget.tell()
    assert len(said) == 3
    assert [line.split(" of ")[0] for line in said] == [
        "Time budget: 5 s",
        "Time budget: 25 s",
        "Time budget: 50 s",
    ]


def test_a_budget_that_is_too_short_is_told_after_the_baseline(
    tmp_path: Path, clock: Clock
) -> None:
    study, said = make_study(tmp_path), list[str]()
    add_trial(study, value=0.6, arm="baseline")
    clock.now += 12.5
    budget_of(study, said, seconds=90).tell()
    (line,) = said
    assert line.startswith("The time budget of 1 min 30 s may be too short")


def test_more_workers_and_no_confirmation_leave_more(tmp_path: Path, clock: Clock) -> None:
    study, said = make_study(tmp_path), list[str]()
    add_trial(study, value=0.6, arm="baseline")
    one, two, none = (
        budget_of(study, said, **told).seconds_to_keep(study)
        for told in ({}, {"slots": 2}, {"models": 0})
    )
    assert none < two < one


def test_time_is_kept_for_a_baseline_that_takes_far_longer_than_the_others(
    tmp_path: Path, clock: Clock
) -> None:
    study, said = make_study(tmp_path), list[str]()
    add_trial(study, value=0.6, arm="baseline", seconds=500.0)  # 100 s a fold
    for _ in range(9):
        add_trial(study, value=0.5, seconds=5.0)
    mean = (500 + 9 * 5) / 10
    race = 5 * mean  # one possible candidate: the others equal the baseline
    arms, best = 11 * (500 + mean), 6 * mean
    audit = budget_of(study, said, models=0).seconds_to_keep(study)
    kept = budget_of(study, said).seconds_to_keep(study)
    assert kept == pytest.approx(1.2 * (race + arms + best) / 5 + audit)


def test_time_is_kept_for_guesses_that_are_in_training(tmp_path: Path, clock: Clock) -> None:
    """They take longer than the ended trials, and often are the candidates that win."""
    study, said = make_study(tmp_path), list[str]()
    add_trial(study, value=0.6, arm="baseline", seconds=10.0)  # 2 s a fold
    budget = budget_of(study, said)
    before = budget.seconds_to_keep(study)
    number = study.ask().number
    budget.guesses = {number: 100.0, number + 1: 40.0}
    more = (5 * 100 + 6 * 90) / 5  # all rounds of the race, and six models
    assert budget.seconds_to_keep(study) == pytest.approx(before + 1.2 * more)
    # A guess replaces the trial that would have been asked for.
    assert budget.seconds_to_keep(study, 40.0) == pytest.approx(before + 1.2 * (more + 5 * 30 / 5))
    study.tell(number, state=TrialState.FAIL)
    assert budget.seconds_to_keep(study) == before


def test_a_guess_in_training_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    study, said = make_study(tmp_path), list[str]()
    add_trial(study, value=0.6, arm="baseline", seconds=10.0)
    guesses = {study.ask().number: 100.0}
    short, long = (budget_of(study, said, seconds=time, models=0) for time in (95, 115))
    short.guesses = long.guesses = guesses
    assert long.reason_to_stop(study) is None
    clock.now += 60  # 40 of the 100 s are left
    assert long.reason_to_stop(study) is None
    clock.now -= 60
    assert short.reason_to_stop(study), "a trial of 10 s would fit, the guess does not"


def test_it_says_beforehand_by_how_much_it_may_be_over(tmp_path: Path, clock: Clock) -> None:
    study, said = make_study(tmp_path), list[str]()
    add_trial(study, value=0.6, arm="baseline")
    clock.now += 12.5
    budget_of(study, said, most=24).tell()
    over = duration_in_words(1.2 * 18 * 3 * 12.5 / 5)
    assert said[-1].endswith(f"If the gain is unclear, the confirmation takes up to {over} more.")
    budget_of(study, said).tell()
    assert "up to" not in said[-1]


@pytest.mark.parametrize(
    ("seeds", "models"), [(None, 8), (3, 3), (0, 0)], ids=["two looks", "one look", "none"]
)
def test_time_is_kept_for_both_looks_at_the_test(
    tmp_path: Path, seeds: int | None, models: int
) -> None:
    study = make_study(tmp_path)
    add_session(study)
    settings = StudySettings(
        case="flowers", workplace=Workplace.at(tmp_path), command="", seeds=seeds, budget=600
    )
    asked = Plan.of(1, seeds).models[-1]
    planned = PlannedConfirmation(rounds=6, models=asked, fewest=asked, most=asked)
    made = Budget.of(study, settings, 1, Silent(), planned)
    assert made is not None
    assert made.planned.models == made.planned.most == models
    assert made.planned.rounds == 6


def test_a_search_that_has_stopped_goes_on_where_more_is_asked_for(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for trials, budget, goes_on in (
        (MOST_TRIALS, 600.0, False),
        (50, 300.0, False),
        (MOST_TRIALS, 601.0, True),
        (50, None, True),
    ):
        study.set_user_attr(STOPPED, {"reason": "", "trials": 9})
        study.set_user_attr(BUDGET, {"seconds": 600})
        forget_the_end(study, trials, budget)
        assert (study.user_attrs[STOPPED] is None) == goes_on
    study.set_user_attr(STOPPED, {"reason": "by --trials auto", "trials": 30})
    study.set_user_attr(BUDGET, None)
    forget_the_end(study, None, None)
    assert study.user_attrs[STOPPED]
    forget_the_end(study, 50, None)
    assert study.user_attrs[STOPPED] is None


def test_earlier_runs_count(tmp_path: Path, clock: Clock) -> None:
    study, said = make_study(tmp_path), list[str]()
    ended = [
        {"search_seconds": 100.0, "confirmation_seconds": 50.0},
        {},
        {"search_seconds": 0.0, "audit_seconds": 1.0},
    ]
    started = datetime(2026, 11, 1, 12, tzinfo=UTC)
    *sessions, own = (
        {"started": (started + timedelta(hours=hour)).isoformat(), **parts}
        for hour, parts in enumerate([*ended, {}])
    )
    assert seconds_spent(study, sessions, own) == 151
    killed = (started + timedelta(hours=1)).astimezone().replace(tzinfo=None)
    for seconds in (20, 70, 3700):  # the last one is of the next run, which stores its duration
        trial = optuna.trial.create_trial(value=0.5)
        trial.datetime_complete = killed + timedelta(seconds=seconds)
        study.add_trial(trial)
    assert seconds_spent(study, sessions, own) == 151 + 70
    trial.datetime_complete = killed + timedelta(seconds=90)  # by an ablation, which does not count
    open_evidence(study).add_trial(trial)
    assert seconds_spent(study, sessions, own) == 151 + 70
    slept = optuna.trial.create_trial(value=0.5, user_attrs={"seconds": 10.0})
    slept.datetime_complete = killed + timedelta(seconds=3000)
    study.add_trial(slept)
    assert seconds_spent(study, sessions, own) == 151 + 70 + 10 + 60
    (tmp_path / "other").mkdir()
    study = make_study(tmp_path / "other")
    add_trial(study, value=0.6, arm="baseline")
    assert budget_of(study, said).reason_to_stop(study) is None
    assert budget_of(study, said, spent=500).reason_to_stop(study)


def test_whichever_rule_stops_first(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    assert enough_by(None, None) is None
    both = enough_by(lambda _: None, lambda _: "enough")
    assert both is not None
    assert both(study) == "enough"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (90, "1 min 30 s"), (600, "10 min"), (5400, "1 h 30 min"), (3600, "1 h")],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


@pytest.mark.parametrize(
    ("typed", "trials", "budget"),
    [
        ([], DEFAULT_TRIALS, None),
        (["--budget", "10m"], MOST_TRIALS, 600),
        (["--budget", "1h30m"], MOST_TRIALS, 5400),
        (["--budget=90s", "--trials", "20"], 20, 90),
        (["--budget", "45", "--trials", "auto"], None, 45),
    ],
)
def test_how_it_is_typed(typed: list[str], trials: int | None, budget: int | None) -> None:
    settings = settings_of(parser().parse_args(["housing", *typed]), "")
    assert (settings.trials, settings.budget) == (trials, budget)


@pytest.mark.parametrize("typed", ["0", "10x", "", "-5", "1.5h", "m", "10m1h", "99999999999"])
def test_what_is_no_time(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["housing", f"--budget={typed}"])
    assert "it takes a time such as 90s, 10m or 1h30m" in capsys.readouterr().err


@pytest.mark.slow
def test_its_trials_are_those_of_a_study_without(
    own_workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = count(0, 100)
    slow = SimpleNamespace(monotonic=lambda: float(next(ticks)))
    monkeypatch.setattr("tuner.runs.budget.time", slow)
    words = [TINY, "--budget", "500s", "--seeds", "0", "--workers", "1", "--home", "timed"]
    assert main(words) == 0
    said = capsys.readouterr().out
    study = load_study(Workplace.at(Path("timed")).url, "tiny")
    timed = study.trials
    assert "Stopped by --budget so that the rest fits into " in said
    assert study.user_attrs[STOPPED]["trials"] == len(timed)
    assert 2 < len(timed) < 20
    plain = load_study(Workplace.at().url, "tiny").trials
    for one, other in zip(timed, plain, strict=False):
        assert (one.params, one.values, one.state) == (other.params, other.values, other.state)
        assert one.user_attrs["curve"] == other.user_attrs["curve"]
    report = json.loads((own_workplace / "timed/reports/tiny/report.json").read_text("utf-8"))
    assert report["budget"] == {"seconds": 500}
    text = (own_workplace / "timed/reports/tiny/report.md").read_text("utf-8")
    assert "is the command that makes the same study without a clock, bit for bit" in text
    cost = report["limits"]["allowed"]["cost"]
    again = f"--trials {len(timed)} --max-cost {cost:g} --seeds 0 --workers 1 --home storage-again"
    assert again in text
    assert main(words) == 0
    assert len(load_study(Workplace.at(Path("timed")).url, "tiny").trials) == len(timed)
