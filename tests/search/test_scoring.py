from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import TINY
from tuner.case.loading import load_case
from tuner.errors import CaseError
from tuner.search.running import RunningTrial
from tuner.search.scoring import STAGES, History, Score, stage
from tuner.training.fitting import ReportPoint

CASE = load_case(TINY)


def point(step: int, validation: float | None, epoch: float | None = None) -> ReportPoint:
    return ReportPoint(
        step=step,
        epoch=float(step) if epoch is None else epoch,
        train_loss=1.0,
        train_metric=0.5,
        validation=validation,
        fold_scores=() if validation is None else (validation,),
        work=100.0 * step,
    )


def running(epochs: int = 4, pruner: optuna.pruners.BasePruner | None = None) -> RunningTrial:
    study = optuna.create_study(direction="maximize", pruner=pruner)
    history = History(CASE, epochs)
    made = RunningTrial(trial=study.ask(), history=history, prunable=True)
    made.begin(1000.0)
    return made


@given(epochs=st.integers(1, 500), parts=st.integers(1, 12))
def test_stages_rise_to_the_last_whatever_the_length(epochs: int, parts: int) -> None:
    reached = [
        stage(epoch + part / parts, epochs)
        for epoch in range(epochs)
        for part in range(1, parts + 1)
    ]
    assert reached == sorted(reached)
    assert reached[-1] == STAGES
    assert stage(0, epochs) == 0


def test_a_stage_is_reported_once() -> None:
    trial = running(epochs=100)
    asked = [trial.report(point(step, 0.5 + step / 1000)) for step in range(1, 101)]
    assert asked.count(True) == STAGES
    stored = trial.trial.study.trials[0].intermediate_values
    assert list(stored) == list(range(1, STAGES + 1))
    assert stored[10] == pytest.approx(0.5 + (41 + 50) / 2 / 1000)
    assert trial.clock == 1000 + 100 * 100


def test_the_best_is_the_best_end_of_an_epoch_and_the_latest_of_equals() -> None:
    trial = running()
    for one in (point(1, 0.9, 0.5), point(2, 0.7, 1.0), point(3, 0.8, 2.0), point(4, 0.8, 3.0)):
        trial.report(one)
    assert trial.history.best() == Score(3, (0.8,))
    assert trial.history.score == 0.8


def test_a_score_is_the_mean_over_the_last_tenth_of_the_training() -> None:
    trial = running(epochs=20)
    for step, folds in enumerate([(0.5, 0.6), (0.9, 1.0), (0.7, 0.6), (0.7, 0.8)], start=1):
        trial.report(replace(point(step, sum(folds) / 2), fold_scores=folds))
    # A single lucky epoch is not the best: scores are means over a tenth, here two epochs.
    best = trial.history.best()
    assert best.epoch == 3
    assert best.folds == pytest.approx((0.8, 0.8))
    assert best.mean == pytest.approx(0.8)
    assert trial.history.score == pytest.approx((0.65 + 0.75) / 2)
    stored = trial.trial.study.trials[0].intermediate_values
    assert stored == pytest.approx({1: 0.55, 2: 0.75, 3: 0.8, 4: 0.7})


def test_a_fit_without_validation_is_an_error_of_the_case() -> None:
    trial = running()
    assert trial.report(point(1, None)) is False
    with pytest.raises(CaseError, match="without a validation score"):
        trial.history.best()


def test_only_prunable_trials_are_pruned() -> None:
    trial = running(pruner=optuna.pruners.ThresholdPruner(lower=0.9))
    trial.report(point(1, 0.5))
    assert trial.should_prune()
    trial.prunable = False
    assert not trial.should_prune()
