"""Which trials the pruner stops, and when."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from tuner.errors import StudyError
from tuner.search.pruner import (
    FIRST_STAGE,
    PRUNER,
    STARTUP_TRIALS,
    TaperingPruner,
    pruner_named,
)
from tuner.search.scoring import STAGES
from tuner.study.design import CUBE, SQUARE

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

ENDS = (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL)


def pruned(values: dict[int, float], others: int, *, maximize: bool, rule: str = PRUNER) -> bool:
    """Return whether a trial with these values per stage is pruned at the last one."""
    direction = optuna.study.StudyDirection(2 if maximize else 1)
    study = optuna.create_study(direction=direction, pruner=pruner_named(rule))
    sign = 1 if maximize else -1
    for other in range(1, others + 1):
        trial = study.ask()
        for stage in range(1, STAGES + 1):
            trial.report(sign * other, stage)
        study.tell(trial, sign * other)
    trial = study.ask()
    decision = False
    for stage, value in values.items():
        trial.report(sign * value, stage)
        decision = trial.should_prune()
    return decision


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize(
    ("rule", "stage", "value", "expected"),
    [
        (SQUARE, 1, 0.0, False),  # too early, even for the worst
        (SQUARE, 2, 3.5, True),  # 17 of 20 are better, and 81 % go on
        (SQUARE, 2, 4.5, False),
        (SQUARE, 10, 15.5, True),  # 5 of 20, and a quarter goes on
        (SQUARE, 10, 16.5, False),
        (SQUARE, 19, 17.5, True),  # 3 of 20: 15 % go on to the end
        (SQUARE, 19, 18.5, False),
        (CUBE, 1, 0.0, False),
        (CUBE, 2, 5.5, True),  # 15 of 20, and 73 % go on
        (CUBE, 2, 6.5, False),
        (CUBE, 10, 17.5, True),  # 3 of 20, and an eighth goes on
        (CUBE, 10, 18.5, False),
        (CUBE, 19, 18.5, True),  # 2 of 20: a tenth goes on to the end
        (CUBE, 19, 19.5, False),
    ],
)
def test_the_worst_go_early_and_the_doubtful_late(
    rule: str, stage: int, value: float, expected: bool, maximize: bool
) -> None:
    assert pruned({stage: value}, others=20, maximize=maximize, rule=rule) is expected


def test_a_study_that_names_no_pruner_was_begun_with_the_square() -> None:
    assert (pruner_named("").power, pruner_named("").least) == (2, 0.15)
    assert (pruner_named(PRUNER).power, pruner_named(PRUNER).least) == (3, 0.1)
    with pytest.raises(StudyError, match="no pruner 'another'; continue the study with the"):
        pruner_named("another")


def test_the_first_trials_are_not_pruned() -> None:
    assert not pruned({10: 0.0}, others=STARTUP_TRIALS - 1, maximize=True)
    assert pruned({10: 0.0}, others=STARTUP_TRIALS, maximize=True)


def test_a_trial_without_reports_goes_on() -> None:
    assert not pruned({}, others=10, maximize=True)


def test_those_pruned_before_count_as_worse_and_gaps_as_the_score_before() -> None:
    study = optuna.create_study(direction="maximize", pruner=TaperingPruner())
    for number in range(8):
        trial = study.ask()
        trial.report(0.9, 2)
        if number < 4:  # good for a long time, and yet pruned
            study.tell(trial, state=TrialState.PRUNED)
        else:
            trial.report(0.9, 12)
            study.tell(trial, 0.9)
    for stage, score, expected in ((2, 0.5, True), (10, 0.5, True), (10, 0.95, False)):
        trial = study.ask()
        trial.report(score, stage)
        assert trial.should_prune() is expected, stage
        study.tell(trial, state=TrialState.FAIL)  # does not count
    # At 3, four of eight are better by their score at 2: fewer than the 61 % that continue.
    trial = study.ask()
    trial.report(0.5, 3)
    assert not trial.should_prune()


@pytest.mark.parametrize("maximize", [True, False])
def test_what_it_remembers_is_what_is_there(maximize: bool) -> None:
    """A pruner that has seen a study grow decides like one that sees it for the first time."""
    luck = random.Random(1)
    study = optuna.create_study(
        direction="maximize" if maximize else "minimize", pruner=TaperingPruner()
    )
    decisions = []
    running: dict[int, tuple[optuna.Trial, list[int]]] = {}
    while len(study.trials) < 60 or running:
        while len(running) < 4 and len(study.trials) < 60:
            trial = study.ask()
            running[trial.number] = trial, sorted(luck.sample(range(1, STAGES + 1), 8))
        trial, stages = running[luck.choice(list(running))]  # so they end in another order
        stage = stages.pop(0)
        trial.report(luck.gauss(stage / STAGES, 1), stage)
        decision = trial.should_prune()
        stored = study.trials[trial.number]
        assert decision == TaperingPruner().prune(study, stored) == _counted(study, stored)
        if decision or not stages:
            state = TrialState.PRUNED if decision else luck.choice(ENDS)
            study.tell(trial, 0.5 if state == TrialState.COMPLETE else None, state)
            del running[trial.number]
            decisions.append(decision)
    assert 20 < sum(decisions) <= 60


def _counted(study: optuna.Study, trial: FrozenTrial) -> bool:
    """The pruner's rule, without a cache."""
    stage = trial.last_step
    assert stage is not None
    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    if stage < FIRST_STAGE or len(ended) < STARTUP_TRIALS:
        return False
    maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
    better = 0
    for other in ended:
        reports = other.intermediate_values
        if other.state == TrialState.PRUNED and max(reports) < stage:
            continue
        if reached := [step for step in reports if step <= stage]:
            there, here = reports[max(reached)], trial.intermediate_values[stage]
            better += there > here if maximize else there < here
    return better >= max((1 - stage / STAGES) ** 3, 0.1) * len(ended)
