"""Whether the diagnosis finds what is wrong with a training."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.evidence.situations import SITUATIONS, confusion, right
from tuner.case.metric import ACCURACY
from tuner.evidence.trials.diagnosis import MEANING, Diagnosis, advice, diagnose, diagnosis_in_words
from tuner.evidence.trials.signs import Curve


def test_there_are_thirty_situations_five_a_diagnosis() -> None:
    assert Counter(situation.label for situation in SITUATIONS) == dict.fromkeys(MEANING, 5)


@pytest.mark.slow
def test_what_was_done_is_seen() -> None:
    assert right(confusion(range(1))) >= 27


@pytest.mark.slow
def test_what_was_done_is_seen_on_other_seeds() -> None:
    assert right(confusion(range(1000, 1001))) >= 27


def straight(**changes: Any) -> Curve:
    """An accuracy that rises from 0.5 to 0.9 and stays, on training and validation rows."""
    levels = [0.5 + 0.4 * min(step / 10, 1) for step in range(1, 41)]
    made: dict[str, Any] = {
        "points": [
            (float(i), 1.5 - level, level, level) for i, level in enumerate(levels, start=1)
        ],
        "metric": ACCURACY,
        "validation_rows": 5000,
        "trivial": 0.1,
        "trivial_loss": 2.3,
    }
    return Curve(**made | changes)


def test_signs_are_shares_of_what_knowing_nothing_gets() -> None:
    signs = diagnose(straight()).signs
    assert signs is not None
    assert signs.training == pytest.approx(0.1 / 0.9)
    assert signs.gap == signs.growth == pytest.approx(0)
    assert signs.peak == pytest.approx((1.5 - 0.54) / 2.3)
    assert signs.standard_error == pytest.approx((0.1 * 0.9 / 5000) ** 0.5 / 0.9, rel=1e-2)
    assert signs.reference is None


def test_a_reference_decides_whether_a_level_is_too_high() -> None:
    assert diagnose(straight()).label == "healthy"
    assert diagnose(straight(), reference=0.905).label == "healthy"
    assert diagnose(straight(), reference=0.99).label == "underfitting"
    # The same level counts as good if no better score is known.
    poor = straight(points=[(float(i), 1.0, 0.5, 0.5) for i in range(1, 41)])
    assert diagnose(poor).label == "underfitting"
    assert diagnose(poor, reference=0.5).label == "healthy"


def test_a_training_that_diverged_is_unstable() -> None:
    assert diagnose(straight(diverged=True)).label == "unstable"
    assert diagnose(straight(points=[], diverged=True)) == Diagnosis("unstable", None)
    with pytest.raises(ValueError, match="without points"):
        diagnose(straight(points=[]))


@pytest.mark.parametrize("points", [1, 2, 3])
def test_short_curves_are_read(points: int) -> None:
    curve = straight()
    assert diagnose(replace(curve, points=curve.points[-points:])).label == "healthy"


def test_advice_names_only_what_there_is_the_cheapest_first() -> None:
    assert advice("overfitting", {"dropout", "weight_decay", "learning_rate"}) == {
        "training": ["weight_decay"],
        "structure": ["dropout"],
    }
    assert advice("healthy", {"dropout"}) == {}
    words = diagnosis_in_words(Diagnosis("unstable", None), {"learning_rate"})
    assert words.startswith("unstable (the training loss jumps up and down, or grew without end). ")
    assert words.endswith("What to try, cheapest first: training: learning_rate.")


def test_without_the_best_trial_noise_is_not_told_from_underfitting() -> None:
    """A quarter of the labels is wrong: no model can do better, but no curve shows this."""
    noisy = straight(points=[(float(i), 0.56, 0.75, 0.75) for i in range(1, 41)], trivial=0.5)
    found = diagnose(noisy)
    assert found.label == "underfitting"
    assert "A sound model of noisy data looks the same" in diagnosis_in_words(found, {"width"})
    assert diagnose(noisy, reference=0.75).label == "healthy"
    better = diagnose(noisy, reference=0.95)
    assert better.label == "underfitting"
    assert "noisy data" not in diagnosis_in_words(better, {"width"})
