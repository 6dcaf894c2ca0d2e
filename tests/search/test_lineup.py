from __future__ import annotations

import optuna
import pytest

from tests.making import TINY
from tuner.case.loading import load_case
from tuner.search.lineup import Lineup, most_ahead
from tuner.search.running import RunningTrial
from tuner.search.scoring import History


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


def asked(study: optuna.Study) -> RunningTrial:
    return RunningTrial(study.ask(), History(load_case(TINY), 4), prunable=True)


@pytest.mark.parametrize(("slots", "ahead"), [(1, 0), (2, 1), (6, 1), (8, 2), (64, 12)])
def test_few_are_asked_ahead_and_none_by_a_worker_alone(slots: int, ahead: int) -> None:
    assert most_ahead(slots) == ahead


def test_what_is_ahead_begins_when_one_has_ended_then(study: optuna.Study) -> None:
    lineup: Lineup[RunningTrial] = Lineup(slots=2, ahead=1)
    trials = [asked(study) for _ in range(3)]
    full = []
    for trial in trials:
        full.append(lineup.is_full)
        lineup.add(trial)
    lineup.begin(now=5.0)
    assert [*full, lineup.is_full] == [False, False, False, True]
    assert list(lineup.running) == [0, 1]
    assert list(lineup) == trials
    lineup.remove(trials[0])
    lineup.begin(now=9.0)
    assert [(number, one.begun) for number, one in lineup.running.items()] == [(1, 5.0), (2, 9.0)]
    lineup.clear()
    assert len(lineup) == 0


def test_the_next_point_is_of_the_trial_furthest_behind_then_of_the_first(
    study: optuna.Study,
) -> None:
    lineup: Lineup[RunningTrial] = Lineup(slots=3, ahead=0)
    trials = [asked(study) for _ in range(3)]
    for trial in trials:
        lineup.add(trial)
    lineup.begin(now=0.0)
    trials[0].clock, trials[1].clock, trials[2].clock = 3.0, 2.0, 2.0
    assert lineup.furthest_behind() is trials[1]
    trials[1].clock = 3.0
    assert lineup.furthest_behind() is trials[2]
    trials[2].clock = 3.0
    assert lineup.furthest_behind() is trials[0]


def test_an_interrupted_trial_begins_when_it_had_begun(study: optuna.Study) -> None:
    trial = asked(study)
    trial.trial.set_user_attr("begun", 2.0)
    lineup: Lineup[RunningTrial] = Lineup(slots=1, ahead=0)
    lineup.add(trial)
    lineup.begin(now=7.0)
    assert (trial.begun, trial.clock) == (2.0, 2.0)
