from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.report.studies import add_trial, confirm, facts_of, keep_ensembles, make_study
from tuner.report.document import document

if TYPE_CHECKING:
    from pathlib import Path

    import optuna


def studied(folder: Path) -> optuna.Study:
    study = make_study(folder)
    add_trial(study, value=0.6, arm="baseline")
    add_trial(study, value=0.7, arm="recipe")
    add_trial(study, value=0.9)
    confirm(study, baseline=[0.6, 0.61, 0.62] * 2, recipe=[0.7] * 6, best=[0.9, 0.91] * 3)
    return study


def test_an_ensemble_that_is_surely_better_is_told_with_its_command(tmp_path: Path) -> None:
    study = studied(tmp_path)
    keep_ensembles(study, 0.02, 0.004)
    facts = facts_of(study, tmp_path)
    assert facts["arms"]["best"]["ensemble"]["models"] == 6
    text = document(facts, [])
    assert "| test accuracy (all 6 as an ensemble) | 63.0 % | 92.5 % | 72.0 % |" in text
    first = text[: text.index("## Is it really better?")]
    assert "have a test accuracy of 92.5 %. It gains 2.0 ± 0.4 points" in first
    assert "takes 6 times as long to use" in first
    assert "--models 6" in first
    assert "For the best, it gains 2.0 ± 0.4 points" in text


@pytest.mark.parametrize(
    ("gain", "error"), [(0.02, 0.011), (-0.02, 0.001), (0.02, None), (0.0, 0.0)]
)
def test_one_that_may_be_no_better_is_in_the_table_alone(
    tmp_path: Path, gain: float, error: float | None
) -> None:
    study = studied(tmp_path)
    keep_ensembles(study, gain, error)
    text = document(facts_of(study, tmp_path), [])
    assert "(all 6 as an ensemble)" in text
    assert "--models" not in text


def test_of_a_trial_that_is_best_no_more_it_is_not_told(tmp_path: Path) -> None:
    study = studied(tmp_path)
    keep_ensembles(study, 0.02, 0.004)
    add_trial(study, value=0.95)
    facts = facts_of(study, tmp_path)
    assert facts["arms"]["best"]["ensemble"] is None
    assert "--models" not in document(facts, [])


def test_a_study_of_before_has_none(tmp_path: Path) -> None:
    text = document(facts_of(studied(tmp_path), tmp_path), [])
    assert "nsemble" not in text


def test_numbers_are_written_as_fine_as_their_error(tmp_path: Path) -> None:
    study = make_study(tmp_path, task="regression")
    add_trial(study, value=0.6, arm="baseline")
    add_trial(study, value=0.7, arm="recipe")
    add_trial(study, value=0.1)
    confirm(study, baseline=[0.6, 0.61] * 3, recipe=[0.7] * 6, best=[0.1, 0.11] * 3)
    keep_ensembles(study, -0.0277, 0.0021)
    confirmation = study.user_attrs["confirmation"]
    confirmation["arms"]["best"]["ensemble"]["gain"] = 0.0277
    study.set_user_attr("confirmation", confirmation)
    text = document(facts_of(study, tmp_path), [])
    assert "It gains 0.028 ± 0.002 over the average" in text


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"parameters": 6_000, "latency_ms": None}, True),
        ({"parameters": 5_999, "latency_ms": None}, False),
        ({"parameters": None, "latency_ms": 2.9}, False),
        ({"parameters": None, "latency_ms": None, "cost": 1.0}, True),
    ],
)
def test_one_that_is_larger_or_slower_than_allowed_is_not_recommended(
    tmp_path: Path, limits: dict[str, float | None], *, told: bool
) -> None:
    study = studied(tmp_path)
    keep_ensembles(study, 0.02, 0.004)
    facts = facts_of(study, tmp_path)
    facts["limits"] = {
        "in_words": "some",
        "limits": limits,
        "allowed": None,
        "arms": {
            name: {"parameters": 1_000, "latency_ms": 0.5, "breaks": False}
            for name in facts["arms"]
        },
    }
    assert ("--models 6" in document(facts, [])) is told
