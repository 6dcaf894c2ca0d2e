"""Which trials the pruner gives up, and when."""

from __future__ import annotations

import optuna
import pytest

from tuner.objective import STAGES
from tuner.study.sampling import STARTUP_TRIALS, TaperingPruner


def pruned(values: dict[int, float], others: int, *, maximize: bool) -> bool:
    """Whether a trial with these `values` a stage is pruned at the last, beside trials 1 ... n."""
    direction = optuna.study.StudyDirection(2 if maximize else 1)
    study = optuna.create_study(direction=direction, pruner=TaperingPruner())
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
    ("stage", "value", "expected"),
    [
        (1, 0.0, False),  # too early to say, even of the worst
        (2, 0.0, True),
        (2, 3.0, False),
        (6, 5.0, True),  # 14 of 20 go on
        (6, 8.0, False),
        (10, 9.0, True),
        (10, 12.0, False),
        (19, 9.0, True),
        (19, 12.0, False),  # never fewer than half
    ],
)
def test_the_worst_go_early_and_the_doubtful_late(
    stage: int, value: float, expected: bool, maximize: bool
) -> None:
    assert pruned({stage: value}, others=20, maximize=maximize) is expected


def test_nothing_is_pruned_before_some_are_complete() -> None:
    assert not pruned({10: 0.0}, others=STARTUP_TRIALS - 1, maximize=True)
    assert pruned({10: 0.0}, others=STARTUP_TRIALS, maximize=True)


def test_a_trial_without_reports_goes_on() -> None:
    assert not pruned({}, others=10, maximize=True)
