"""A study searches and chooses by the rules that it began with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from tests.making import STAMPS, TINY, make_brief, search
from tuner.case.loading import load_case
from tuner.data import cache
from tuner.data.splits import GroupFolds, Holdout, KFold, TimeFolds
from tuner.engines.compute import Compute
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.worker import run
from tuner.evidence.jobs import configuration_of
from tuner.evidence.rounds.race import race
from tuner.evidence.rounds.racing import race_on_fresh_folds
from tuner.evidence.rounds.trainings import Trainings
from tuner.evidence.trials.signs import curve_of
from tuner.runs.settings import Stored, VerificationSettings
from tuner.runs.verification import run_verification
from tuner.search.jobs import search_job
from tuner.search.pruner import pruner_named
from tuner.study.arms import arms_of, candidates_of
from tuner.study.design import SQUARE, Design, RaceRules, folds_trained, rows_validated
from tuner.study.designing import design_for
from tuner.study.schema import CONFIRMATION, FACTS
from tuner.study.store import facts_of, load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.data.splits import Scheme
    from tuner.engines.job import Job
    from tuner.study.configuration import StudyConfig

STUDIES = Path(__file__).parents[2] / "studies"
MADE_BEFORE = ("california_housing", "flowers102")


def with_folds(folder: Path, reference: str, scheme: Scheme) -> StudyConfig:
    """Return a config of a case with another split."""
    config = make_brief(reference, folder)
    dataset = replace(config.dataset, validation=scheme)
    design = design_for(load_case(reference), dataset)
    stored = cache.store(dataset, folder / "cache")
    return replace(config, dataset=dataset, data_folder=stored, design=design)


@pytest.mark.parametrize(
    ("reference", "scheme", "folds", "entered", "by"),
    [
        (TINY, KFold(5), 5, (3, 3, 3, 3, 3, 3), ()),  # one stack
        (STAMPS, KFold(5), 2, (6, 4, 3, 2), ("surrogate", "guess")),
        (STAMPS, KFold(2), 2, (6, 4, 3, 2), ("surrogate", "guess")),
        (STAMPS, GroupFolds(4), 2, (6, 4, 3, 2), ("surrogate", "guess")),
        (STAMPS, TimeFolds(4), 4, (6, 4, 3, 2), ()),  # which are not alike
        (STAMPS, Holdout(15), 1, (3, 1), ("search",)),
    ],
)
def test_a_new_study_trains_as_many_folds_as_pay(
    tmp_path: Path,
    reference: str,
    scheme: Scheme,
    folds: int,
    entered: tuple[int, ...],
    by: tuple[str, ...],
) -> None:
    config = make_brief(reference, tmp_path)
    design = design_for(config.case, replace(config.dataset, validation=scheme))
    assert design.race is not None
    assert (design.folds_in_search, design.race.entered) == (folds, entered)
    assert design.race.with_search == ("search" in by)
    assert design.race.by_surrogate == ("surrogate" in by)
    assert design.race.with_guess == ("guess" in by)
    assert design.candidates == entered[0]
    assert Design.of(json.loads(json.dumps(design.facts()))) == design


def test_a_model_that_cannot_be_built_is_no_stack(tmp_path: Path) -> None:
    config = make_brief(TINY, tmp_path)
    broken = replace(config.case, baseline=replace(config.case.baseline, breaks=True))
    assert design_for(broken, config.dataset).folds_in_search == 2


def test_without_rules_on_record_all_is_as_it_was() -> None:
    before = Design.of({})
    assert before.facts() == {}
    assert before.candidates == 3
    assert before.race_of(3, 6).entered == (3, 3, 2, 2, 1, 1)
    assert before.race_of(2, 3).entered == (2, 2, 1)


class Recording(InProcessEngine):
    """Stores the jobs that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[int, Job] = {}

    def start(self, key: int, job: Job) -> None:
        self.jobs[key] = job
        super().start(key, job)


@pytest.mark.slow
def test_arms_train_all_folds_and_rank_by_those_of_the_others(tmp_path: Path) -> None:
    config, engine = with_folds(tmp_path, STAMPS, KFold(5)), Recording()
    url = f"sqlite:///{tmp_path}/studies.db"
    study = search(url, config, 4, engine=engine)
    facts = facts_of(study)
    assert facts["folds_in_search"] == 2
    for number, trial in enumerate(study.trials):
        arm = number < 2
        (replica,) = engine.jobs[number].replicas
        assert replica.folds == (None if arm else 2)
        if trial.state != TrialState.COMPLETE:
            continue
        points = list(run(engine.jobs[number]))
        assert {len(point.fold_scores) for point in points} == {5 if arm else 2}
        assert len(trial.user_attrs["fold_scores"]) == 2
        assert trial.value == fmean(trial.user_attrs["fold_scores"])
        shown = [point[4] for point in trial.user_attrs["curve"]]
        assert shown == [point.validation for point in points], "of all that were trained"
        curve, of_score = curve_of(trial, facts), curve_of(trial, facts, of_score=True)
        assert curve is not None
        assert of_score is not None
        rows = facts["data"]["sizes"]["validation"]
        assert curve.validation_rows == rows * (5 if arm else 2)
        assert of_score.validation_rows == rows * 2
    (tmp_path / "storage").mkdir()
    said: list[Any] = []
    stored = Stored(study="study", workplace=Workplace.at(tmp_path, url), case_file=STAMPS)
    settings = VerificationSettings(stored=stored, compute=Compute(workers=1))
    assert run_verification(settings, Telling(said)), said


@pytest.mark.slow
def test_a_race_trains_what_the_rules_say_and_nothing_twice(tmp_path: Path) -> None:
    config, engine = with_folds(tmp_path, STAMPS, KFold(5)), Recording()
    study = search(f"sqlite:///{tmp_path}/studies.db", config, 7)
    candidates, arms = candidates_of(study), arms_of(study)
    fixed = {name: trial.number for name, trial in arms.items() if name != "best"}
    entered = (*candidates, *(study.trials[number] for number in fixed.values()))
    configurations = {trial.number: configuration_of(trial) for trial in entered}
    races = []
    for _ in range(2):
        evidence = Trainings(study, config, engine, lambda _: None)
        races.append(race_on_fresh_folds(evidence, configurations, candidates, fixed, 6))
    first, second = races
    assert first == second
    assert config.design.race is not None
    places = config.design.race.entered
    for index, most in enumerate(places):
        there = {trial for trial, own in first.scores.items() if len(own) > index}
        assert len(there - set(fixed.values())) <= most
        assert set(fixed.values()) <= there or index == 4
    trained = evidence.study.trials
    assert len(trained) == sum(map(len, first.scores.values()))
    assert first.ranked_by is not None
    told = {(one.values[0], one.user_attrs["surrogate"]) for one in trained}
    assert told == {
        pair
        for trial, scores in first.scores.items()
        for pair in zip(scores, first.ranked_by[trial], strict=True)
    }
    means = {
        trial: sum(rank for rank in ranks if rank is not None) / len(ranks)
        for trial, ranks in first.ranked_by.items()
        if len(ranks) == len(places)
    }
    assert first.winner == min(means, key=means.__getitem__)


def test_the_first_guess_races_where_the_rules_say_so() -> None:
    """Whatever its score in the search; the other candidates are the best of the search."""
    numbers = range(9)
    trials = [
        create_trial(
            value=number / 10,
            user_attrs={
                "hyperparameters": {"width": number},
                "best_epoch": 1,
                **({"guess": number - 2} if number in (2, 3) else {}),
            },
        )
        for number in numbers
    ]
    for with_guess, entered in ((True, [8, 7, 6, 5, 4, 2]), (False, [8, 7, 6, 5, 4, 3])):
        race = RaceRules(entered=(6, 4), arms=2, with_guess=with_guess)
        study = optuna.create_study(direction="maximize")
        study.set_user_attr(FACTS, Design(race=race).facts())
        study.add_trials(trials)
        assert [trial.number for trial in candidates_of(study)] == entered


class Telling:
    """Stores what it is told."""

    def __init__(self, said: list[Any]) -> None:
        self.said = said

    def tell(self, event: Any) -> None:
        self.said.append(event)

    def wants_stop(self) -> bool:
        return False


def test_a_fold_trains_as_it_does_beside_more_of_them(tmp_path: Path) -> None:
    config = with_folds(tmp_path, STAMPS, KFold(5))
    hyperparameters = {**config.arms["baseline"], "epochs": 2}
    two, five = (
        list(run(search_job(config, hyperparameters, 1, arm=arm))) for arm in (False, True)
    )
    assert [point.fold_scores for point in two] == [point.fold_scores[:2] for point in five]


def made_before(name: str, folder: Path) -> optuna.Study:
    shutil.copy(STUDIES / name / "study.db", folder / "study.db")
    url = f"sqlite:///{folder}/study.db"
    report = json.loads((STUDIES / name / "report.json").read_text(encoding="utf-8"))
    return load_study(url, report["study"])


@pytest.mark.parametrize("name", MADE_BEFORE)
def test_a_study_made_before_keeps_its_rules(name: str, tmp_path: Path) -> None:
    study = made_before(name, tmp_path)
    facts, told = facts_of(study), study.user_attrs[CONFIRMATION]
    design = Design.of(facts)
    assert design == Design()
    assert facts["pruner"] == SQUARE
    assert (pruner_named(SQUARE).power, pruner_named(SQUARE).least) == (2, 0.15)
    candidates = [trial.number for trial in candidates_of(study)]
    assert candidates == told["candidates"]
    assert len(candidates) == 3
    report = json.loads((STUDIES / name / "report.json").read_text(encoding="utf-8"))
    assert {arm: trial.number for arm, trial in arms_of(study).items()} == {
        arm: one["trial"] for arm, one in report["arms"].items()
    }
    k = facts["data"]["sizes"]["folds"]
    for trial in candidates_of(study):
        assert len(trial.user_attrs["fold_scores"]) == k == folds_trained(facts, arm=False)


@pytest.mark.parametrize("name", MADE_BEFORE)
def test_its_race_goes_as_it_went(name: str, tmp_path: Path) -> None:
    study = made_before(name, tmp_path)
    told = study.user_attrs[CONFIRMATION]

    def score(trials: Sequence[int], index: int) -> list[float | None]:
        return [told["validation"][str(trial)][index] for trial in trials]

    others = [number for arm, number in told["fixed"].items() if arm != "baseline"]
    design, entered = Design.of(facts_of(study)), told["candidates"]
    rules = design.race_of(len(entered), told["fewest"])
    direction = facts_of(study)["direction"]
    found = race(entered, told["fixed"]["baseline"], others, rules, direction, score)
    assert found.winner == told["winner"]
    for trial, own in found.scores.items():
        assert own == told["validation"][str(trial)][: told["fewest"]]


@pytest.mark.parametrize(("folds", "rows"), [(1, 80), (2, 160), (5, 398)])
def test_no_more_rows_are_counted_than_there_are(folds: int, rows: int) -> None:
    """Of 398 rows in five folds, the first fold has 80 and the last one 79."""
    assert (
        rows_validated({"data": {"sizes": {"validation": 80, "development": 398}}}, folds) == rows
    )
