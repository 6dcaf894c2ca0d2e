from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tests.making import TINY
from tuner.case import load_case
from tuner.errors import CaseError, UsageError
from tuner.objective import STAGES, RunningTrial, Score, parse_fixed, space, stage
from tuner.training import ReportPoint

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
    return RunningTrial(trial=study.ask(), case=CASE, epochs=epochs, prunable=True, clock=1000.0)


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
    assert trial.best() == Score(3, (0.8,))
    assert trial.score == 0.8


def test_a_score_is_the_mean_over_the_last_tenth_of_the_training() -> None:
    trial = running(epochs=20)
    for step, folds in enumerate([(0.5, 0.6), (0.9, 1.0), (0.7, 0.6), (0.7, 0.8)], start=1):
        trial.report(replace(point(step, sum(folds) / 2), fold_scores=folds))
    # One lucky epoch is not the best: two epochs are the tenth of twenty.
    best = trial.best()
    assert best.epoch == 3
    assert best.folds == pytest.approx((0.8, 0.8))
    assert best.mean == pytest.approx(0.8)
    assert trial.score == pytest.approx((0.65 + 0.75) / 2)
    stored = trial.trial.study.trials[0].intermediate_values
    assert stored == pytest.approx({1: 0.55, 2: 0.75, 3: 0.8, 4: 0.7})


def test_a_fit_without_validation_is_an_error_of_the_case() -> None:
    trial = running()
    assert trial.report(point(1, None)) is False
    with pytest.raises(CaseError, match="without a validation score"):
        trial.best()


def test_only_prunable_trials_are_pruned() -> None:
    trial = running(pruner=optuna.pruners.ThresholdPruner(lower=0.9))
    trial.report(point(1, 0.5))
    assert trial.should_prune()
    trial.prunable = False
    assert not trial.should_prune()


def test_the_space_has_what_only_a_condition_asks_for() -> None:
    found = space(CASE)
    assert found["step_size"] == IntDistribution(1, 3)
    assert found["step_lr"] == CategoricalDistribution((False, True))
    assert found["learning_rate"] == FloatDistribution(1e-4, 1.0, log=True)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (["width=3"], {"width": 3}),
        (["dropout=0"], {"dropout": 0.0}),
        (["step_lr=true", "step_size=2"], {"step_lr": True, "step_size": 2}),
        (["step_lr=False"], {"step_lr": False}),
        (["learning_rate=1e-3"], {"learning_rate": 1e-3}),
        ([], {}),
    ],
)
def test_fixed_hyperparameters_are_read(given_: list[str], expected: dict[str, object]) -> None:
    assert parse_fixed(CASE, given_) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width", "has no value"),
        ("wdith=3", "no hyperparameter 'wdith'; did you mean 'width'"),
        ("=3", "no hyperparameter ''"),
        ("width=100", "out of range; it takes 2 to 8"),
        ("width=2.5", "no whole number"),
        ("width=wide", "no number"),
        ("width=True", "no number"),
        ("dropout=nan", "no number"),
        ("dropout=1e999", "out of range"),
        ("step_lr=maybe", "none of its choices: False, True"),
        ("width=__import__('os')", "no number"),
    ],
)
def test_wrong_fixes_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_fixed(CASE, [text])


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from([*space(CASE), "x"]), value=st.text(max_size=20))
def test_no_text_breaks_the_parser(name: str, value: str) -> None:
    try:
        fixed = parse_fixed(CASE, [f"{name}={value}"])
    except UsageError:
        return
    assert set(fixed) == {name}


def test_no_fix_is_needed() -> None:
    assert parse_fixed(replace(CASE), []) == {}
