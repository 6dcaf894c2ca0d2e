"""The duration of a confirmation, predicted from the trials of the search."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

import tuner
from tests.making import TINY
from tests.report.studies import add_trial, make_study
from tuner.evidence.duration import Expected, Lengths, lengths_of
from tuner.evidence.rounds.race import ROUNDS
from tuner.runs.observer import FitEnded, Silent, Stage
from tuner.study.arms import arms_of
from tuner.study.design import RaceRules
from tuner.study.store import facts_of, load_study
from tuner.study.trials import complete_trials

if TYPE_CHECKING:
    import optuna

    from tuner.runs.observer import Event

RACE = RaceRules(entered=(3, 1), arms=2)


def lengths(study: optuna.Study, **told: Any) -> Lengths:
    facts = {**facts_of(study), "race": asdict(RACE), **told.pop("facts", {})}
    found = lengths_of(complete_trials(study), facts, 1, **told)
    assert found is not None
    return found


def test_each_training_takes_what_it_took_in_the_search(tmp_path: Path) -> None:
    study = make_study(tmp_path)  # five folds a trial
    assert lengths_of([], facts_of(study), 1) is None
    add_trial(study, value=0.5, arm="baseline", seconds=10.0)  # 2 s a fold
    add_trial(study, value=0.6, arm="recipe", seconds=20.0)
    add_trial(study, TrialState.PRUNED, 0.4, stop=2, seconds=1000.0)
    assert lengths(study).confirmation(6, 0) == Expected(0, 0.0)
    # Two rounds and four models of baseline and recipe, of which the recipe is the best so far.
    assert lengths(study).confirmation(6, 4) == Expected(4 + 8, 6 * (2 + 4))
    add_trial(study, value=0.9, seconds=50.0, hyperparameters={"epochs": 9})
    assert lengths(study).confirmation(6, 4) == Expected(2 + 12 + 4, 2 * 10 + 6 * (2 + 4) + 4 * 10)
    # Possible candidates: one that takes 30 s per fold, and two like the others, one of them known.
    mean = (2 + 4 + 10) / 3
    found = lengths(study, coming=[150.0], more=2).confirmation(6, 4)
    assert found.trainings == (3 + 1) + 12 + 4
    assert found.seconds == pytest.approx((30 + 10 + mean + 30) + 6 * (2 + 4) + 4 * 30)
    assert lengths(study).confirmation(1, 4) == Expected(1 + 10 + 4, 10 + 5 * (2 + 4) + 4 * 10)


def test_a_loop_without_a_recipe_has_two_arms(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    loop: dict[str, Any] = {"recipe": {}}
    add_trial(study, value=0.5, arm="baseline", seconds=10.0)
    assert lengths(study, facts=loop).confirmation(6, 4) == Expected(2 + 4, 6 * 2)
    add_trial(study, value=0.9, seconds=50.0, hyperparameters={"epochs": 9})
    assert lengths(study, facts=loop).confirmation(6, 4) == Expected(2 + 6 + 4, 6 * (2 + 10))


class Counting(Silent):
    """Counts the trainings of each stage."""

    def __init__(self) -> None:
        self.stage, self.trainings = "", dict[str, int]()

    def tell(self, event: Event) -> None:
        if isinstance(event, Stage):
            self.stage = event.doing
        elif isinstance(event, FitEnded):
            known = self.trainings.get(self.stage, 0)
            self.trainings[self.stage] = known + event.trainings


@pytest.mark.slow
def test_as_many_trainings_are_told_as_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six models per arm, as many as are trained together if the network is stacked."""
    monkeypatch.chdir(tmp_path)
    observer = Counting()
    tuner.run_study(TINY, trials=9, seeds=ROUNDS, workers=2, observer=observer)
    study = load_study("sqlite:///storage/studies.db", Path(TINY).stem)
    complete = complete_trials(study)
    numbers = {trial.number for trial in arms_of(study).values()}
    assert len(numbers) == 3, "the best is neither baseline nor recipe"
    known = lengths_of(complete, facts_of(study), 1)
    assert known is not None
    told = known.confirmation(ROUNDS, ROUNDS)
    assert observer.trainings["confirming on fresh seeds"] == told.trainings
