from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from tests.making import HERE
from tests.report.studies import add_session, add_trial, confirm, facts_of, make_study, usual_study
from tuner.case.metric import ACCURACY
from tuner.report.document import document
from tuner.report.facts import gather
from tuner.report.sections.coverage import covered
from tuner.report.sections.part import part_in_words
from tuner.report.sections.repeat import study_command
from tuner.report.sections.sureness import how_sure, looks_taken
from tuner.report.sections.verdict import recipe_verdict, verdict
from tuner.report.wording import listed

if TYPE_CHECKING:
    from pathlib import Path

    import optuna


def said(study: optuna.Study, folder: Path) -> str:
    return verdict(facts_of(study, folder))


def sure(study: optuna.Study) -> str:
    return how_sure(gather(study, HERE))


def arms(folder: Path, *, task: str = "classification") -> optuna.Study:
    study = make_study(folder, task=task)
    good = (0.6, 0.7, 0.8) if task == "classification" else (0.07, 0.08, 0.01)
    add_trial(study, value=good[0], arm="baseline")
    add_trial(study, value=good[1], arm="recipe", dropout=0.5)
    add_trial(study, value=good[2])
    add_session(study)
    return study


def test_better(tmp_path: Path) -> None:
    study = usual_study(tmp_path, trials=10)
    assert said(study, tmp_path) == ("Better: tuning took the test error from 39.6 % to 6.7 %.")
    assert sure(study).startswith(
        "the gain is 32.9 points, with a 95 % interval of 32.4 to 33.7 points (p = 0.031, 6 seeds "
        "per arm). This covers the luck of training, not the choice of the 983 test rows."
    )
    assert recipe_verdict(gather(study, HERE)) == (
        "The textbook recipe alone reached 39.3 %: no proven gain (−0.1 to 1.2 points, p = 0.688)."  # noqa: RUF001
    )


def test_small_errors_get_the_decimals_they_need(tmp_path: Path) -> None:
    study = arms(tmp_path)
    confirm(study, baseline=[0.9908, 0.9911, 0.9906] * 2, best=[0.9950, 0.9953, 0.9951] * 2)
    assert said(study, tmp_path).startswith(
        "Better: tuning took the test error from 0.92 % to 0.49 %"
    )


def test_no_proven_gain(tmp_path: Path) -> None:
    study = arms(tmp_path)
    confirm(study, baseline=[0.990, 0.992, 0.991] * 2, best=[0.992, 0.991, 0.992] * 2)
    assert said(study, tmp_path).startswith("No proven gain: the test error went from 0.9")
    assert "The interval includes zero, so there may be no gain at all." in sure(study)


def test_few_seeds_prove_nothing(tmp_path: Path) -> None:
    study = arms(tmp_path)
    confirm(study, baseline=[0.6] * 5, recipe=[0.6] * 5, best=[0.90, 0.91, 0.92, 0.90, 0.91])
    assert "Fewer than 6 seeds cannot tell a gain from chance" in sure(study)


def test_worse(tmp_path: Path) -> None:
    study = arms(tmp_path)
    confirm(study, baseline=[0.99, 0.991, 0.992] * 2, best=[0.90, 0.91, 0.90] * 2)
    text = said(study, tmp_path)
    assert text.startswith("Worse: with tuning, the test error went from 0.9 % to 9.7 %")
    assert text.endswith("keep the baseline.")


def test_one_seed(tmp_path: Path) -> None:
    study = arms(tmp_path)
    confirm(study, baseline=[0.6], recipe=[0.6], best=[0.9])
    assert "on 1 seed per arm only, so there is no interval." in sure(study)
    text = document(gather(study, HERE), [])
    assert "| test accuracy (1 seed) | 60.0 % | 90.0 % | 60.0 % |" in text


def test_regression(tmp_path: Path) -> None:
    study = arms(tmp_path, task="regression")
    confirm(
        study, baseline=[0.07, 0.08, 0.075] * 2, recipe=[0.08] * 6, best=[0.01, 0.012, 0.011] * 2
    )
    text = said(study, tmp_path)
    assert text == "Better: tuning took the test MAE from 0.0750 to 0.0110."
    assert "points" not in text


def test_the_best_is_the_baseline(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    add_trial(study, value=0.9, arm="baseline")
    add_trial(study, value=0.8, arm="recipe")
    confirm(
        study, baseline=[0.9, 0.91, 0.9] * 2, recipe=[0.8, 0.8, 0.81] * 2, best=[0.9, 0.91, 0.9] * 2
    )
    assert said(study, tmp_path) == (
        "No gain: in 2 finished trials the search found nothing better than the baseline, whose "
        "test error is 9.7 %."
    )
    assert "made it worse: 19.7 %" in recipe_verdict(gather(study, HERE))


def test_the_best_is_the_baseline_on_too_few_seeds(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    add_trial(study, value=0.9, arm="baseline")
    add_trial(study, value=0.8, arm="recipe")
    confirm(study, baseline=[0.9], recipe=[0.8], best=[0.9])
    assert said(study, tmp_path) == (
        "No proven gain: in 2 finished trials the search found nothing better than the baseline, "
        "whose test error is 10.0 %."
    )
    assert recipe_verdict(gather(study, HERE)) == (
        "The textbook recipe alone reached 20.0 %: no proven gain on 1 seed."
    )


def test_the_baseline_alone(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    add_trial(study, value=0.9, arm="baseline")
    confirm(study, baseline=[0.9, 0.91, 0.9] * 2, best=[0.9, 0.91, 0.9] * 2)
    assert said(study, tmp_path) == (
        "Nothing to compare yet: the only complete trial is the baseline, whose test error is "
        "9.7 %."
    )


def test_the_best_is_the_recipe(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    add_trial(study, value=0.8, arm="baseline")
    add_trial(study, value=0.9, arm="recipe")
    confirm(
        study, baseline=[0.8, 0.8, 0.81] * 2, recipe=[0.9, 0.91, 0.9] * 2, best=[0.9, 0.91, 0.9] * 2
    )
    assert said(study, tmp_path).startswith(
        "Better: the textbook recipe took the test error from 19.7 % to 9.7 %; the search found"
    )
    assert recipe_verdict(gather(study, HERE)) == ""


def test_nothing_confirmed(tmp_path: Path) -> None:
    study = arms(tmp_path)
    add_session(study, "python -m tuner.study flowers --seeds 0 --trials 9")
    text = document(facts_of(study, tmp_path), [])
    assert "**Not confirmed yet: in the search, tuning took the validation error" in text
    assert "from 40.0 % to 20.0 %" in text
    assert "```sh\ntuner study flowers --trials 9\n```" in text
    assert "never opened" in text


@pytest.mark.parametrize(
    ("task", "was", "now", "text"),
    [
        ("regression", 0.7508, 0.7494, "took the validation MAE from 0.7508 to 0.7494."),
        ("regression", 0.75, 0.25, "took the validation MAE from 0.75 to 0.25."),
        ("classification", 0.75, 0.7504, "took the validation error from 25.00 % to 24.96 %."),
        ("regression", 0.75, 0.75, "nothing was better than the baseline."),
    ],
)
def test_what_the_search_gained_shows_in_the_digits(
    tmp_path: Path, task: str, was: float, now: float, text: str
) -> None:
    study = make_study(tmp_path, task=task)
    add_trial(study, value=now)  # the first of two equal trials is the best
    add_trial(study, value=was, arm="baseline")
    assert said(study, tmp_path).endswith(text)


@pytest.mark.parametrize("kind", ["TimeFolds", "KFold"])
def test_rows_that_follow_each_other_are_told_to_count_by_themselves(kind: str) -> None:
    pair = {"rows": 200, "groups": None, "share_of_rows": 0.4, "share_of_seeds": 0.6}
    facts = {"data": {"validation": {"kind": kind, "k": 5}}, "reference": "mine", "task": "other"}
    told = covered(facts, pair)
    assert told.startswith("This covers new trainings and new test rows (there were 200)")
    assert ("rows that follow each other in time may be alike" in told) == (kind == "TimeFolds")
    allowed = covered(facts, {**pair, "in_time": True})
    assert "each row counts by itself" not in allowed
    assert "the interval allows for that" in allowed


def test_a_confirmation_that_was_overtaken_is_not_used(tmp_path: Path) -> None:
    study = arms(tmp_path)
    confirm(study, baseline=[0.6] * 6, recipe=[0.6] * 6, best=[0.9] * 6)
    add_trial(study, value=0.95)
    facts = facts_of(study, tmp_path)
    assert facts["arms"]["best"]["test"] == {}
    assert facts["arms"]["baseline"]["test"]["accuracy"]["mean"] == 0.6
    assert facts["confirmation"]["outdated"] == {"best": 2}
    assert verdict(facts).startswith(
        "Not confirmed yet: the search has found a better trial (3) since trial 2 was confirmed"
    )


def test_scores_that_are_not_finite_prove_nothing(tmp_path: Path) -> None:
    study = arms(tmp_path, task="regression")
    confirm(study, baseline=[0.07, 0.08], recipe=[0.1, 0.1], best=[0.01, float("inf")])
    assert said(study, tmp_path).startswith("Not every confirmed test score is a number")


def test_no_trials_and_no_complete_ones(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    assert said(study, tmp_path) == "No verdict yet: 0 finished trials, none of them complete."
    add_trial(study, TrialState.FAIL, arm="baseline", failure="no")
    assert said(study, tmp_path).startswith("No verdict yet: 1 finished trial,")
    add_trial(study, value=0.5)
    assert said(study, tmp_path).startswith("No verdict yet: the baseline has no complete trial")


def test_the_command_that_confirms() -> None:
    for given in ("a --seeds 0 b", "a b --seeds=0", "a b --seeds 0"):
        typed = {"manifest": {"command": given}}
        assert study_command(typed, confirm=True) == "a b"
        assert study_command(typed) == given
    kept = {"manifest": {"command": "a --seeds 3 --seed 0"}}
    assert study_command(kept, confirm=True) == "a --seeds 3 --seed 0"


@pytest.mark.parametrize(
    ("names", "words"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_in_a_sentence(names: list[str], words: str) -> None:
    assert listed(names) == words


@pytest.mark.parametrize(
    ("made", "settled", "said"),
    [
        (1, True, "The first look, at 4 models per arm, was enough."),
        (1, False, "The second look, at 8 models per arm, is still to come: continue the study."),
        (2, False, "proved nothing, so a second look was taken at 8. Both were planned beforehand"),
    ],
)
def test_how_many_looks_it_took(made: int, settled: bool, said: str) -> None:
    plan = {"models": [4, 8], "parts": [0.57, 0.43], "fewest": 4, "made": made, "settled": settled}
    assert said in looks_taken({"confirmation": {"plan": plan}})


@pytest.mark.parametrize("plan", [None, {"models": [12], "made": 1, "settled": False}])
def test_of_one_look_nothing_is_said(plan: dict[str, Any] | None) -> None:
    assert looks_taken({"confirmation": {"plan": plan}}) == ""
    assert looks_taken({"confirmation": None}) == ""


@pytest.mark.parametrize(("models", "why"), [(4, True), (5, False)])
def test_too_few_models_of_a_part_are_said_to_be(models: int, why: bool) -> None:
    over = {
        "gain": 0.05,
        "interval": [0.04, 0.06],
        "p_value": 0.05,
        "n": models,
        "fewest": 5,
        "verdict": "no proven gain",
    }
    text = part_in_words(ACCURACY, {"over_baseline": over, "best_over": None})
    told = "Fewer than 5 seeds cannot tell a gain from chance; run again with `--seeds 5` or more."
    assert (told in text) == why
