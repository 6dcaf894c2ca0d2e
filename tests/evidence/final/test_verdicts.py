"""The verdicts on the arms of a study, from what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial

from tests.making import TINY, make_brief, make_engine, search
from tuner.case.metric import ACCURACY, reported_metric
from tuner.evidence.confirmation import confirm
from tuner.evidence.final.odometer import keep_looks, looks_at
from tuner.evidence.final.verdicts import OnTest, verdicts
from tuner.evidence.rounds.trainings import Trainings
from tuner.evidence.rows.predictions import Predictions, keep_predictions, keep_targets
from tuner.evidence.statistics.looks import Plan, most_looks
from tuner.study.arms import arms_of
from tuner.study.schema import CONFIRMATION, SEED_MATTERS
from tuner.study.store import evidence_of, load_study

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.study.configuration import StudyConfig

ROWS, SEEDS = 171, 22


def quiet(_: str) -> None:
    pass


def with_predictions(
    url: str, config: StudyConfig, wrong: dict[str, np.ndarray[Any, np.dtype[np.bool_]]]
) -> tuple[optuna.Study, dict[str, Any]]:
    """A study whose arms' models were wrong on these test rows (seeds, rows)."""
    study = search(url, config, 3)
    arms = arms_of(study)
    targets = np.arange(ROWS) % 2
    evidence = Trainings(study, config, make_engine(1), quiet).study
    keep_targets(evidence, "rows", targets)
    scores: dict[str, list[dict[str, float]]] = {}
    for name, mistakes in wrong.items():
        said = np.where(mistakes, 1 - targets, targets)
        found = Predictions(tuple(range(len(said))), said)
        keep_predictions(evidence, arms[name].number, found, targets)
        scores[name] = [{"accuracy": float((one == targets).mean())} for one in said]
    return study, {"scores": scores, "rows": "rows"}


def always(rows: int, *, but: int = 0) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """All models are wrong on the first of these rows; `but` of them are right on the last one."""
    wrong = np.zeros((SEEDS, ROWS), dtype=bool)
    wrong[:, :rows] = True
    wrong[:but, rows - 1] = False
    return wrong


def test_what_more_models_take_is_told_by_trainings_of_these_arms_alone(
    config: StudyConfig, url: str
) -> None:
    draw = np.random.default_rng(1)
    wrong = {"baseline": draw.random((4, ROWS)) < 0.3, "recipe": draw.random((4, ROWS)) < 0.3}
    study, confirmation = with_predictions(url, config, wrong)
    evidence, arms = evidence_of(study), arms_of(study)
    assert evidence is not None

    def took(seconds: float, epochs: int, arm: str) -> None:
        hyperparameters = arms[arm].user_attrs["hyperparameters"]
        facts = {"hyperparameters": hyperparameters, "epochs": epochs, "seconds": seconds}
        evidence.add_trial(create_trial(value=0.5, user_attrs=facts))

    def hour() -> int | None:
        pair = verdicts(study, arms, confirmation, ACCURACY)["recipe_vs_baseline"]
        assert pair is not None
        seeds: int | None = pair["hour"]["seeds"]
        return seeds

    assert hour() is None, "it is not known"
    took(60.0, arms["baseline"].user_attrs["best_epoch"], "baseline")
    took(540.0, arms["recipe"].user_attrs["best_epoch"], "recipe")
    assert hour() == 6, "a pair takes 600 s"
    took(9000.0, 77, "recipe")  # as an ablation trains a configuration for other epochs
    assert hour() == 6


def test_a_gain_of_one_row_in_171_proves_nothing(config: StudyConfig, url: str) -> None:
    """22 seeds that agree may still owe it to one lucky row: the gain is 1.2 rows here."""
    wrong = {"baseline": always(8), "recipe": always(7, but=4)}
    study, confirmation = with_predictions(url, config, wrong)
    found = verdicts(study, arms_of(study), confirmation, ACCURACY)
    pair = found["recipe_vs_baseline"]
    assert pair is not None
    assert pair["gain"] == pytest.approx(1.2 / ROWS, rel=0.05)
    assert (pair["verdict"], pair["covers"], pair["rows"]) == ("no proven gain", "rows", ROWS)
    low, high = pair["interval"]
    assert low < 0 < high
    assert pair["share_of_rows"] > 0.9
    assert pair["p_value"] > 0.05
    assert pair["rows_needed"] > ROWS
    assert pair["seeds_needed"] is None, "more seeds cannot help"
    assert "more seeds alone cannot help enough" in pair["certainty"]
    assert pair["most_looks"] == most_looks(ROWS)


def test_a_gain_on_many_rows_is_proven(config: StudyConfig, url: str) -> None:
    wrong = {"baseline": always(40), "recipe": always(8)}
    study, confirmation = with_predictions(url, config, wrong)
    pair = verdicts(study, arms_of(study), confirmation, ACCURACY)["recipe_vs_baseline"]
    assert pair is not None
    assert pair["verdict"] == "better"
    assert pair["also"]["macro_f1"]["verdict"] == "better"
    assert pair["probability_of_improvement"] == 1


@pytest.mark.parametrize("matters", ["order", "nothing"])
def test_where_the_seed_does_not_draw_the_weights_nothing_is_proven(
    config: StudyConfig, url: str, matters: str
) -> None:
    wrong = {"baseline": always(40), "recipe": always(8)}
    study, confirmation = with_predictions(url, config, wrong)
    study.set_user_attr(SEED_MATTERS, matters)
    pair = verdicts(study, arms_of(study), confirmation, ACCURACY)["recipe_vs_baseline"]
    assert pair is not None
    assert (pair["verdict"], pair["seed_matters"]) == ("no proven gain", matters)


def test_a_study_that_kept_no_rows_is_compared_by_its_seeds(config: StudyConfig, url: str) -> None:
    study = search(url, config, 3)
    scores = {
        name: [{"accuracy": 0.5 + n / 100} for n in range(6)] for name in ("baseline", "best")
    }
    found = verdicts(study, arms_of(study), {"scores": scores}, ACCURACY)
    pair = found["best_vs_baseline"]
    assert pair is not None
    assert (pair["covers"], pair["n"], pair["verdict"]) == ("seeds", 6, "no proven gain")
    assert found["recipe_vs_baseline"] is None


@pytest.mark.slow
def test_a_confirmed_study_has_verdicts_with_looks(tmp_path: Path) -> None:
    url, config = f"sqlite:///{tmp_path}/studies.db", make_brief(TINY, tmp_path)
    study = search(url, config, 5)
    confirm(study, config, make_engine(1), 6, tmp_path / "1", quiet)
    study = load_study(url, "study")
    stored = study.user_attrs[CONFIRMATION]
    confirmation = {
        "scores": {name: arm["scores"] for name, arm in stored["arms"].items()},
        "rows": stored["rows"],
    }

    def intervals(of: optuna.Study) -> tuple[int, float]:
        pair = verdicts(of, arms_of(of), confirmation, ACCURACY)["recipe_vs_baseline"]
        assert pair is not None
        low, high = pair["interval"]
        return pair["looks"], high - low

    looks, width = intervals(study)
    assert looks == 1
    other = search(url, replace(config, seed=1), 3, name="second")
    confirm(other, replace(config, seed=1), make_engine(1), 2, tmp_path / "2", quiet)
    again, wider = intervals(study)
    assert again == 2
    assert wider > width, "every look at the same rows widens every interval"


@pytest.mark.slow
def test_looks_outlive_a_study_that_is_deleted(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 3)
    confirm(study, config, make_engine(1), 2, tmp_path, quiet)
    identity = config.dataset.test.identity()
    keep_looks(study)
    other = search(url, replace(config, seed=1), 1, name="other")
    optuna.delete_study(study_name="study", storage=study._storage)
    assert looks_at(other, identity) == 1


@pytest.mark.parametrize(
    ("plan", "verdict"),
    [(Plan(models=(8,), parts=(1.0,), fewest=6, made=1), "no proven gain"), (None, "better")],
)
def test_calls_of_a_loop_that_end_in_one_of_two_ways_are_judged_by_the_exact_test_too(
    plan: Plan | None, verdict: str
) -> None:
    """1 and 5 of 8 end well: Student's p alone is 0.043, but one study in 14 shows as much."""
    ends = {"baseline": [1, 0, 0, 0, 0, 0, 0, 0], "best": [1, 1, 1, 1, 1, 0, 0, 0]}
    test = OnTest(
        scored={arm: [{"score": float(one)} for one in own] for arm, own in ends.items()},
        trials={"baseline": 0, "best": 1},
        metric=reported_metric("score", "maximize"),
        looks=1,
        matters="weights",
        kept=None,
        of_loop=True,
        plan=plan,  # None: of a study that was tested before loops had one
    )
    pair = test.compare("best", "baseline", further=False)
    assert pair is not None
    assert (pair["gain"], pair["n"], pair["fewest"]) == (0.5, 8, 6)
    assert pair["verdict"] == verdict
