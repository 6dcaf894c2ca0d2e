from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.evidence.pigeonhole import resample
from tests.evidence.rates import SHARES, draws, of_macro_f1, true_macro_f1, two_arms
from tests.evidence.worlds import CLASSES, WORLDS
from tests.sampling import one_in
from tuner.evidence.statistics.crossed import MARGIN, compare_rows
from tuner.evidence.statistics.resampling import compare_scores
from tuner.evidence.statistics.scores import auc, macro_f1, unit_of_macro_f1

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tuner.evidence.statistics.components import Array


def right(predictions: NDArray[np.generic], targets: Array, weights: Array) -> Array:
    found: Array = weights @ (predictions == targets).T / weights.sum(axis=1, keepdims=True)
    return found


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize(("seeds", "rows"), one_in(3, [(6, 400), (24, 400), (24, 2_000)]))
def test_the_bootstrap_and_the_moments_agree(name: str, seeds: int, rows: int) -> None:
    world = WORLDS[name]
    arms = two_arms(draws("agree", name, seeds, rows), world, 1.2 * world.level, rows, seeds)
    moments, drawn = compare_rows(*arms), resample(*arms)
    assert moments.standard_error is not None
    assert moments.components is not None
    rest = sum(one / (seeds * rows) for one in moments.components.interaction)
    of_rows = (arms[0].mean(axis=0) - arms[1].mean(axis=0)).var(ddof=1) / rows
    of_seeds = sum(float(one.mean(axis=1).var(ddof=1)) / seeds for one in arms)
    # The pigeonhole bootstrap counts the interaction of models and rows three times (Owen 2007).
    assert drawn.plain_error == pytest.approx((of_rows + of_seeds + rest) ** 0.5, rel=0.06)
    wanted = (of_rows + max(0.0, of_seeds - rest)) ** 0.5
    assert drawn.standard_error == pytest.approx(wanted, rel=0.08)
    # The moments also count an unseen row, and set a negative component to zero for each arm.
    assert drawn.standard_error == pytest.approx(moments.standard_error / MARGIN, rel=0.13)
    assert drawn.gains.mean() == pytest.approx(moments.gain, abs=0.1 * drawn.plain_error)


def test_a_resampled_interval_is_close_to_students() -> None:
    arms = two_arms(draws("interval"), CLASSES, 0.15, 1_000, 24)
    moments, drawn = compare_rows(*arms), resample(*arms)
    assert moments.interval is not None
    assert moments.standard_error is not None
    assert drawn.interval == pytest.approx(moments.interval, abs=0.3 * moments.standard_error)


def test_the_same_seed_draws_the_same() -> None:
    arms = two_arms(draws("again"), CLASSES, 0.15, 100, 6)
    assert resample(*arms, seed=1).interval == resample(*arms, seed=1).interval
    assert resample(*arms, seed=1).interval != resample(*arms, seed=2).interval


def test_as_a_score_accuracy_gives_what_its_rows_give() -> None:
    baseline, other = two_arms(draws("accuracy"), CLASSES, 0.15, 500, 6)
    by_rows = compare_rows(baseline, other)
    by_score = compare_scores(right, baseline, other, np.zeros(500))
    assert by_score.gain == pytest.approx(by_rows.gain)
    assert by_score.standard_error == pytest.approx(by_rows.standard_error, rel=0.06)
    assert by_score.row_share == pytest.approx(by_rows.row_share, abs=0.15)


def test_less_is_better_when_minimizing() -> None:
    baseline, other = two_arms(draws("minimize"), CLASSES, 0.3, 500, 6)
    wrong = compare_scores(right, baseline, other, np.ones(500), direction="minimize")
    assert wrong.gain == pytest.approx(compare_rows(baseline, other).gain)
    assert wrong.verdict == "better"


def labels(draw: np.random.Generator, rows: int, seeds: int) -> tuple[Array, Array]:
    """Return classes of unequal size, and predictions of which four in five are right."""
    targets = draw.choice(len(SHARES), size=rows, p=SHARES)
    guesses = np.where(draw.random((seeds, rows)) < 0.8, targets, draw.integers(5, size=rows))
    return guesses, targets.astype(float)


@pytest.mark.parametrize("rows", [3, 30, 300])
def test_macro_f1_is_that_of_scikit_learn_over_the_classes_that_have_rows(rows: int) -> None:
    draw = draws("macro", rows)
    guesses, targets = labels(draw, rows, 3)
    counted = draw.multinomial(rows, np.full(rows, 1 / rows), size=4)
    found = macro_f1(guesses, targets, counted.astype(float))
    for weights, scores in zip(counted, found, strict=True):
        for guess, score in zip(guesses, scores, strict=True):
            drawn = np.repeat(targets, weights), np.repeat(guess, weights)
            present = np.unique(drawn[0])  # not those that are only predicted
            expected = f1_score(*drawn, labels=present, average="macro", zero_division=0)
            assert score == pytest.approx(expected)


def test_models_that_see_are_better_than_blind_ones_by_the_area_under_the_curve() -> None:
    draw = draws("auc")
    targets = (draw.random(80) < 0.5).astype(float)
    levels = (draw.normal(shift * targets, 1, (6, 80)) for shift in (0.0, 2.0))
    blind, seeing = (np.stack([np.zeros_like(one), one], axis=2) for one in levels)
    found = compare_scores(auc, blind, seeing, targets, resamples=15)
    assert found.verdict == "better"
    assert found.interval is not None
    assert found.interval[0] < found.gain < found.interval[1]


def test_the_true_macro_f1_is_that_of_many_rows() -> None:
    draw = draws("many rows")
    targets = draw.choice(len(SHARES), size=200_000, p=SHARES)
    wrong = draw.random((1, 200_000)) < 0.2
    guesses = (targets + wrong * draw.integers(1, len(SHARES), wrong.shape)) % len(SHARES)
    found = macro_f1(guesses, targets.astype(float), np.ones((1, 200_000)))
    assert found[0, 0] == pytest.approx(true_macro_f1(0.2), abs=0.005)


def test_identical_predictions_are_no_proven_gain() -> None:
    guesses, targets = labels(draws("identical"), 60, 6)
    same = np.tile(guesses[0], (6, 1))
    found = compare_scores(
        macro_f1, same, np.tile(guesses[0], (9, 1)), targets, unit=unit_of_macro_f1(targets)
    )
    assert (found.gain, found.p_value, found.verdict) == (0, 1, "no proven gain")
    assert found.interval is not None
    assert found.interval[0] < 0 < found.interval[1]


def test_one_row_matters_as_much_for_macro_f1_where_classes_are_alike() -> None:
    assert unit_of_macro_f1(np.tile([0.0, 1.0, 2.0], 20)) == pytest.approx(1)
    assert unit_of_macro_f1(np.array([0.0] * 57 + [1.0] * 3)) > 2


def test_a_single_seed_proves_nothing() -> None:
    guesses, targets = labels(draws("single"), 60, 2)
    found = compare_scores(macro_f1, guesses[:1], guesses, targets)
    assert (found.interval, found.verdict) == (None, "no proven gain")


def test_what_cannot_be_compared_is_refused() -> None:
    guesses, targets = labels(draws("refused"), 60, 2)
    with pytest.raises(ValueError, match="are needed"):
        compare_scores(macro_f1, guesses, guesses[:, :50], targets)
    with pytest.raises(ValueError, match="not a finite number"):
        compare_scores(lambda *_: np.full((1, 2), np.nan), guesses, guesses, targets)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [50, 171])
def test_equal_arms_are_called_equal_by_macro_f1(rows: int) -> None:
    found = of_macro_f1(CLASSES, rows, errors=0, worlds=400)
    assert found.share("better") <= 0.025
    assert found.share("worse") <= 0.025
    assert found.coverage >= 0.93
