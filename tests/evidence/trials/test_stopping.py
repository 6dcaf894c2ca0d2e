from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from tests.making import InterruptsAt, open_as_command, search
from tests.report.studies import add_trial, make_study
from tuner.engines.inprocess import InProcessEngine
from tuner.evidence.trials.stopping import CEILING, FLOOR, reason_to_stop
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.study.schema import STOPPED
from tuner.study.store import settle
from tuner.study.trials import finished

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import optuna

    from tuner.study.configuration import StudyConfig


def study_of(
    folder: Path, scores: Sequence[float], *, task: str = "classification"
) -> optuna.Study:
    study = make_study(folder, task=task)
    for score in scores:
        add_trial(study, value=score)
    return study


def test_a_search_that_still_gains_goes_on(tmp_path: Path) -> None:
    study = study_of(tmp_path, [0.5 + 0.01 * n for n in range(FLOOR)])
    assert reason_to_stop(study) is None


def test_a_search_that_gains_less_than_the_noise_stops_and_says_why(tmp_path: Path) -> None:
    # 100 validation rows: a share of 0.71 has a standard error of 0.045.
    study = study_of(tmp_path, [0.7] * (FLOOR - 2) + [0.71] * 2)
    assert reason_to_stop(study) == (
        "after 30 trials: the last 15 improved the score by 0.01, and the best score is only known "
        "to within 0.045 (one standard error)"
    )


@pytest.mark.slow
def test_no_gain_is_called_nothing(tmp_path: Path) -> None:
    for folder, unit in (("more", "classification"), ("less", "regression")):
        (tmp_path / folder).mkdir()
        study = study_of(tmp_path / folder, [0.7] * FLOOR, task=unit)
        assert "the last 15 brought no improvement," in (reason_to_stop(study) or "")


@pytest.mark.slow
def test_less_is_better_when_minimizing(tmp_path: Path) -> None:
    falling = study_of(tmp_path, [0.9 - 0.02 * n for n in range(FLOOR)], task="regression")
    assert reason_to_stop(falling) is None
    other = tmp_path / "other"
    other.mkdir()
    assert reason_to_stop(study_of(other, [0.1] * FLOOR, task="regression")) is not None


@pytest.mark.slow
def test_floor_and_ceiling(tmp_path: Path) -> None:
    study = study_of(tmp_path, [0.7] * (FLOOR - 1))
    assert reason_to_stop(study) is None
    other = tmp_path / "other"
    other.mkdir()
    rising = study_of(other, [0.5 + 0.004 * n for n in range(CEILING)])
    assert reason_to_stop(rising) == f"after {CEILING} trials, the most that it runs"


def test_without_a_score_there_is_no_reason(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for _ in range(FLOOR):
        add_trial(study, TrialState.FAIL, failure="no")
    assert reason_to_stop(study) is None


def after_five(study: optuna.Study) -> str | None:
    return "after five" if finished(study) >= 5 else None


def test_a_search_ends_when_it_is_enough_and_what_runs_is_let_end(
    config: StudyConfig, url: str
) -> None:
    study, config = open_as_command(url, "study", config)
    Coordinator(Mirror(study), config, InProcessEngine()).search(20, enough=after_five)
    assert finished(study) == 5
    assert study.user_attrs[STOPPED] == {"reason": "after five", "trials": 5}
    Coordinator(Mirror(study), config, InProcessEngine()).search(20, enough=after_five)
    assert finished(study) == 5, "that is decided once"
    study.set_user_attr(STOPPED, None)
    Coordinator(Mirror(study), config, InProcessEngine()).search(7)
    assert finished(study) == 7


@pytest.mark.slow
@pytest.mark.parametrize("moment", [3, 9])
def test_an_interrupted_one_comes_to_the_same(config: StudyConfig, url: str, moment: int) -> None:
    whole, config = open_as_command(url, "whole", config)
    Coordinator(Mirror(whole), config, InProcessEngine()).search(20, enough=after_five)
    parts, config = open_as_command(url, "parts", config)
    with pytest.raises(KeyboardInterrupt):
        Coordinator(Mirror(parts), config, InProcessEngine(), InterruptsAt(moment)).search(
            20, enough=after_five
        )
    settle(parts)
    Coordinator(Mirror(parts), config, InProcessEngine()).search(20, enough=after_five)
    assert [trial.values for trial in parts.trials] == [trial.values for trial in whole.trials]


def test_a_fixed_number_of_trials_has_no_such_rule(config: StudyConfig, url: str) -> None:
    assert STOPPED not in search(url, config, 6).user_attrs


def test_a_space_that_is_not_known_is_never_all_tried(tmp_path: Path) -> None:
    study = make_study(tmp_path, space={})
    for epochs in (1, 1, 1):
        add_trial(study, value=0.5, epochs=epochs)
    assert reason_to_stop(study) is None


@pytest.mark.parametrize(
    ("low", "high", "fixed", "expected"),
    [
        (1, 3, {}, "after 3 trials: all 3 configurations have been tried"),
        (1, 4, {}, None),
        (1, 1000, {"epochs": 2}, "after 3 trials: the only configuration has been tried"),
    ],
)
def test_a_search_ends_when_all_has_been_tried(
    tmp_path: Path, low: int, high: int, fixed: dict[str, int], expected: str | None
) -> None:
    stored = {"low": low, "high": high, "step": 1, "log": False}
    space = {"epochs": {"name": "IntDistribution", "attributes": stored}}
    study = make_study(tmp_path, space=space, fixed=fixed)
    for epochs in (1, 2, 3):
        add_trial(study, value=0.5, epochs=epochs)
    assert reason_to_stop(study) == expected
