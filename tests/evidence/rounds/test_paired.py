from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from tests.evidence.rates import draws
from tuner.evidence.rounds.paired import compare_rounds


def test_without_overlap_it_is_the_t_test() -> None:
    gains = [0.1, 0.3, 0.2, 0.25, 0.15, 0.4]
    found, known = compare_rounds(gains, held_out=0), ttest_1samp(gains, 0)
    low, high = known.confidence_interval(0.95)
    assert found.interval == pytest.approx((low, high))
    assert found.p_value == pytest.approx(known.pvalue)
    assert (found.verdict, found.n) == ("better", 6)


def test_overlap_widens_the_interval() -> None:
    gains = [0.1, 0.3, 0.2, 0.25, 0.15, 0.4]
    one, other = compare_rounds(gains, held_out=0), compare_rounds(gains, held_out=1 / 4)
    assert one.interval is not None
    assert other.interval is not None
    ratio = (other.interval[1] - other.gain) / (one.interval[1] - one.gain)
    assert ratio == pytest.approx(((1 / 6 + 1 / 4) * 6) ** 0.5)


def test_a_loss_is_worse() -> None:
    assert compare_rounds([-0.1, -0.12, -0.11, -0.1, -0.13], held_out=0.25).verdict == "worse"


@pytest.mark.parametrize("gains", [[0.3], [0.0, 0.0, 0.0], [0.2, 0.2]])
def test_gains_without_spread_prove_nothing(gains: list[float]) -> None:
    found = compare_rounds(gains, held_out=0.25)
    assert (found.interval, found.p_value, found.verdict) == (None, 1, "no proven gain")


@pytest.mark.parametrize(("gains", "held_out"), [([], 0.25), ([0.1], -0.1)])
def test_what_cannot_be_compared_is_refused(gains: list[float], held_out: float) -> None:
    with pytest.raises(ValueError, match="are needed"):
        compare_rounds(gains, held_out)


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 6, 10, 24])
def test_equal_configurations_are_seldom_called_better_or_worse(n: int) -> None:
    """Gains correlate by the share held out, as Nadeau & Bengio assume: 1/5 with five folds."""
    draw, share = draws("rounds", n), 1 / 5
    common = draw.normal(0, share**0.5, (2_000, 1))
    gains = common + draw.normal(0, (1 - share) ** 0.5, (2_000, n))
    said = [compare_rounds(list(one), held_out=1 / 4).verdict for one in gains]
    assert np.mean([one == "better" for one in said]) <= 0.035
    assert np.mean([one == "worse" for one in said]) <= 0.035
