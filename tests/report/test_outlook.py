"""Whether more trials would help: the answer, and how often it is right."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.report.studies import add_trial, make_study
from tuner.evidence.trials.stopping import Recent, is_chance
from tuner.report.facts.outlook import outlook
from tuner.report.sections.outlook import more_trials
from tuner.study.store import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def told(folder: Path, scores: Sequence[float]) -> str:
    study = make_study(folder)
    for score in scores:
        add_trial(study, value=score)
    found = outlook(study.get_trials(deepcopy=False), facts_of(study), None)
    return more_trials({"outlook": found, "metric": {"name": "accuracy", "direction": "maximize"}})


def test_what_the_last_half_gained_is_what_as_many_more_are_judged_by(tmp_path: Path) -> None:
    text = told(tmp_path, [0.7] * 12 + [0.71] * 12)
    assert text.startswith("**12 more trials would probably not help.** The last 12 of 24 trials")
    assert "less than the uncertainty of that score" in text


def test_a_large_gain_that_came_before_the_last_third_is_no_reason_to_stop(tmp_path: Path) -> None:
    """Earlier, the answer was no, although the last half had gained more than the noise."""
    text = told(tmp_path, [0.5] * 12 + [0.9] * 12)
    assert text.startswith("**More trials may help.** The last 12 of 24 trials improved")
    assert "more than the uncertainty of that score" in text


def test_without_noise_no_gain_is_chance_and_any_other_is_none() -> None:
    assert is_chance(Recent(trials=9, gain=0.0, noise=None))
    assert not is_chance(Recent(trials=9, gain=1e-9, noise=None))
    assert not is_chance(None)


@pytest.mark.parametrize("trials", [20, 50])
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
def test_as_many_more_rarely_gain_more_than_the_noise(trials: int, noise: float) -> None:
    """In random searches with that answer; at 20 trials, 100 more would gain in two of three."""
    draw, half = random.Random(0), trials // 2
    said = wrong = 0
    for _ in range(1000):
        scores = [max(draw.random() for _ in range(2)) for _ in range(trials + half)]
        before, now = max(scores[:half]), max(scores[:trials])
        if is_chance(Recent(trials=half, gain=now - before, noise=noise or None)):
            said += 1
            wrong += max(scores) - now > noise
    assert said > 300
    assert wrong < 0.4 * said
