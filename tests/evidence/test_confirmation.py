from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

import tuner
from tests.evidence.confirming import Breaking, Counting, kept, quiet
from tests.making import STAMPS, TINY, make_brief, make_engine, open_as_command, search
from tests.sampling import one_in
from tuner.case.metric import ACCURACY
from tuner.data import cache
from tuner.data.splits import Holdout, folds
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed
from tuner.engines.worker import run
from tuner.errors import BundleError, StoreError, StudyError
from tuner.evidence.confirmation import confirm
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.jobs import TOGETHER, configuration_of, seed_of
from tuner.evidence.rounds.trainings import Trainings
from tuner.evidence.rows.moments import losses
from tuner.evidence.rows.predictions import kept_predictions, kept_targets
from tuner.seeds import Stream, derive
from tuner.study.arms import arms_of, candidates_of
from tuner.study.schema import CONFIRMATION, OPENINGS
from tuner.study.store import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from tuner.engines.job import Event
    from tuner.study.configuration import StudyConfig


def test_candidates_race_on_fresh_folds_and_arms_meet_the_test(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, engine = search(url, config, 8), Counting()
    candidates = [trial.number for trial in candidates_of(study)]
    assert len(candidates) == 3
    assert confirm(study, config, engine, 3, tmp_path / "weights", quiet)
    found = study.user_attrs[CONFIRMATION]
    assert found["seeds"] == found["arms"]["best"]["seeds"]
    assert found["candidates"] == candidates
    assert found["winner"] in candidates
    assert set(found["validation"]) == {str(number) for number in {0, 1, *candidates}}
    trials = {arm["trial"] for arm in found["arms"].values()}
    assert trials == {0, 1, found["winner"]}
    kept = {(run.seed, job.stop_after) for job in engine.final for run in job.replicas}
    for arm in found["arms"].values():
        assert arm["seeds"] == [seed_of(0, index, f"test:{arm['trial']}") for index in range(3)]
        assert not set(arm["seeds"]) & {trial.user_attrs["seed"] for trial in study.trials}
        assert {(seed, arm["epochs"]) for seed in arm["seeds"]} <= kept
        assert [set(score) for score in arm["scores"]] == [{"accuracy", "macro_f1"}] * 3
        assert all(0 <= score["accuracy"] <= 1 for score in arm["scores"])
        assert arm["epochs"] == study.trials[arm["trial"]].user_attrs["best_epoch"]


@pytest.mark.slow
def test_every_round_has_a_seed_and_a_fold_of_its_own(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, engine = search(url, config, 6), Counting()
    rounds = facts_of(study)["data"]["sizes"]["folds"] + 1
    confirm(study, config, engine, rounds, tmp_path, quiet)
    (of_baseline,) = [
        job
        for job in engine.fresh
        if job.hyperparameters == study.trials[0].user_attrs["hyperparameters"]
    ]
    parts = [(run.split_seed or 0, run.fold or 0) for run in of_baseline.replicas]
    k = rounds - 1
    assert [fold for _, fold in parts] == [*range(k), *range(k)]
    assert len({seed for seed, _ in parts[:k]}) == 1
    assert parts[k][0] not in {parts[0][0], config.seed}
    for job in engine.fresh:
        assert [run.seed for run in job.replicas] == [
            seed_of(0, index) for index in range(TOGETHER)
        ]
    data = config.dataset
    held_out = [
        row
        for seed, fold in parts[:k]
        for row in folds(data.development, data.validation, seed)[fold].validation.tolist()
    ]
    assert sorted(held_out) == list(range(len(data.development)))


def test_a_score_on_a_fresh_fold_is_that_of_the_training(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, engine = search(url, config, 4), Counting()
    trainings = Trainings(study, config, engine, quiet)
    recipe = configuration_of(study.trials[1])
    (score,) = trainings.scores([recipe], 2)
    (job,) = engine.jobs
    for points, place in (
        (list(run(job)), 2),
        (list(run(replace(job, replicas=job.replicas[2:3]))), 0),
    ):
        assert points[-1].epoch == recipe.epochs
        since = recipe.epochs - 0.1 * recipe.hyperparameters["epochs"]
        last = [point.fold_scores for point in points if point.epoch > since]
        assert score == pytest.approx(fmean(scores[place] for scores in last), rel=1e-5)
    again = Trainings(study, config, Counting(interrupt_at=0), quiet)
    assert again.scores([recipe], 2) == [score], "nothing is trained twice"
    trials = kept(study).trials
    assert [trial.user_attrs["round"] for trial in trials] == list(range(TOGETHER))
    assert (trials[2].value, trials[2].state) == (score, TrialState.COMPLETE)


@pytest.mark.slow
def test_a_slot_that_would_be_idle_trains_what_is_wanted_later(url: str, tmp_path: Path) -> None:
    config = make_brief(STAMPS, tmp_path)  # its networks are not stacked: a job is one training
    study, engine = search(url, config, 2), Counting()
    baseline, recipe = (replace(configuration_of(trial), work=1.0) for trial in study.trials)
    third = replace(baseline, epochs=1)
    alone = Trainings(search(url, config, 2, name="other"), config, make_engine(1), quiet)
    engine.slots = 2
    trainings = Trainings(study, config, engine, quiet)
    later = [(one, index) for index in (1, 2) for one in (baseline, recipe)]
    for wanted, index, rounds in (
        ([baseline, recipe, third], 0, [0, 0, 0, 1]),
        ([baseline, recipe, third], 1, [1, 1]),
        ([baseline, recipe], 2, [2, 2]),
    ):
        before = len(kept(study).trials)
        trainings.train_ahead([(one, index) for one in wanted], later)
        assert trainings.scores(wanted, index) == alone.scores(wanted, index)
        trained = kept(study).trials[before:]
        assert [trial.user_attrs["round"] for trial in trained] == rounds
    assert len(engine.jobs) == len(kept(study).trials) == 8


def test_of_a_stack_that_diverges_all_is_known_even_where_the_time_is_over(
    config: StudyConfig, url: str
) -> None:
    study = search(url, config, 2)
    engine = Breaking({seed_of(config.seed, 3)}, diverged=True)
    trainings, times = Trainings(study, config, engine, quiet), iter([True])
    one = configuration_of(study.trials[0])
    assert trainings.train([(one, 1)], lambda: next(times, False))
    assert len(engine.jobs) == 1 + TOGETHER
    assert [trainings.scores([one], index)[0] is None for index in range(TOGETHER)] == [
        index == 3 for index in range(TOGETHER)
    ]
    assert len(engine.jobs) == 1 + TOGETHER, "nothing is trained again"


def test_what_fails_ahead_fails_where_it_is_needed(url: str, tmp_path: Path) -> None:
    config = make_brief(STAMPS, tmp_path)  # its networks are not stacked: a job is one training
    study = search(url, config, 2)
    engine = Breaking({seed_of(config.seed, 1)}, diverged=False)
    trainings = Trainings(study, config, engine, quiet)
    one = configuration_of(study.trials[0])
    trainings.train_ahead([(one, 0), (one, 1)], [(one, 2)])
    assert [trial.user_attrs["round"] for trial in kept(study).trials] == [0]
    assert trainings.scores([one], 0) == [kept(study).trials[0].value]
    with pytest.raises(StudyError, match="training in round 2 failed: it does not end"):
        trainings.scores([one], 1)


def test_what_a_training_computes_is_told_by_the_search(config: StudyConfig, url: str) -> None:
    trial = search(url, config, 1).trials[0]
    facts = {**trial.user_attrs, "work": 24.0, "fold_scores": [0.5, 0.6, 0.7], "best_epoch": 2}
    curve = [[1, 8.0, 0, 0, 0]]
    of_a_loop = facts | {"fold_scores": [0.5]}
    kinds = [
        (2.0, facts | {"curve": curve}),
        (8.0, facts | {"curve": curve, "best_epoch": 9}),
        (24.0, of_a_loop | {"curve": [[1, 0, None, None, 0.5]]}),
        (1.0, {name: facts[name] for name in facts.keys() - {"work", "curve"}}),
    ]
    for work, known in kinds:
        trial.user_attrs = known
        assert configuration_of(trial).work == work


class Failing(InProcessEngine):
    """An engine on which every fit fails."""

    def __init__(self, diverged: bool) -> None:
        super().__init__()
        self.diverged = diverged

    def next(self, key: int, timeout: float) -> Event:
        self.stop(key)
        return Failed("no luck", diverged=self.diverged)


def test_a_training_that_diverges_is_on_record_and_another_failure_is_not(
    config: StudyConfig, url: str
) -> None:
    study = search(url, config, 4)
    baseline = configuration_of(study.trials[0])
    with pytest.raises(StudyError, match=r"no luck\. It will fail in the same way each"):
        Trainings(study, config, Failing(diverged=False), quiet).scores([baseline], 0)
    assert kept(study).trials == []
    said: list[str] = []
    assert Trainings(study, config, Failing(diverged=True), said.append).scores([baseline], 0) == [
        None
    ]
    assert said == [f"Round {n}, trial 0 (baseline): no luck" for n in range(1, 1 + TOGETHER)]
    again = Trainings(study, config, Counting(interrupt_at=0), quiet)
    assert again.scores([baseline], 0) == [None]


def test_the_winner_of_the_race_is_the_best_from_then_on(config: StudyConfig, url: str) -> None:
    study = search(url, config, 8)
    candidates = [trial.number for trial in candidates_of(study)]
    assert arms_of(study)["best"].number == candidates[0] == study.best_trial.number
    study.set_user_attr(CONFIRMATION, {"candidates": candidates, "winner": candidates[2]})
    assert arms_of(study)["best"].number == candidates[2]
    study.set_user_attr(CONFIRMATION, {"candidates": [99], "winner": 99})
    assert arms_of(study)["best"].number == candidates[0], "the search has gone on"


@pytest.mark.slow
def test_the_trainings_are_no_study_to_report_on(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 4)
    confirm(study, config, make_engine(1), 1, tmp_path, quiet)
    with pytest.raises(StoreError, match="after the search of 'study'; name that one"):
        facts_of(kept(study))


def test_the_test_split_is_opened_once_and_on_the_record(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 4)
    assert confirm(study, config, make_engine(1), 2, tmp_path, quiet)
    assert not confirm(study, config, Counting(interrupt_at=0), 2, tmp_path, quiet)
    (opening,) = study.user_attrs[OPENINGS]
    count = len({arm["trial"] for arm in study.user_attrs[CONFIRMATION]["arms"].values()})
    assert opening["reason"] == f"final evaluation of {count} configurations on 2 seeds"


@pytest.mark.slow
def test_other_candidates_race_again_and_the_same_winner_opens_nothing(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 6)
    confirm(study, config, make_engine(1), 2, tmp_path, quiet)
    before = study.user_attrs[CONFIRMATION]
    study.set_user_attr(CONFIRMATION, {**before, "candidates": before["candidates"][:2]})
    engine = Counting(interrupt_at=0)
    assert not confirm(study, config, engine, 2, tmp_path, quiet)
    assert study.user_attrs[CONFIRMATION] == before
    assert len(study.user_attrs[OPENINGS]) == 1


@pytest.mark.slow
def test_more_seeds_are_another_opening(config: StudyConfig, url: str, tmp_path: Path) -> None:
    study = search(url, config, 4)
    confirm(study, config, make_engine(1), 1, tmp_path, quiet)
    first = study.user_attrs[CONFIRMATION]["arms"]["baseline"]["scores"]
    engine = Counting()
    assert confirm(study, config, engine, 2, tmp_path, quiet)
    assert not engine.fresh, "the second round was trained with the first"
    assert len(study.user_attrs[OPENINGS]) == 2
    assert study.user_attrs[CONFIRMATION]["arms"]["baseline"]["scores"][:1] == first


@pytest.mark.slow
def test_fewer_seeds_do_not_take_the_place_of_more(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 4)
    said = list[str]()
    assert confirm(study, config, make_engine(1), 3, tmp_path, quiet)
    before = study.user_attrs[CONFIRMATION]
    assert not confirm(study, config, Counting(interrupt_at=0), 2, tmp_path, said.append)
    assert study.user_attrs[CONFIRMATION] == before
    assert len(study.user_attrs[OPENINGS]) == 1
    assert said == ["The confirmation on 3 seeds is kept."]


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", [2, *(pytest.param(other, marks=pytest.mark.slow) for other in (0, 4))]
)
def test_an_interrupted_confirmation_goes_on_where_it_was(
    url: str, tmp_path: Path, moment: int
) -> None:
    config = make_brief(TINY, tmp_path)
    study = search(url, config, 6)
    other = search(f"sqlite:///{tmp_path}/other.db", config, 6)  # its look at the test is its own
    whole = Counting()
    confirm(other, config, whole, 2, tmp_path / "other", quiet)
    with pytest.raises(KeyboardInterrupt):
        confirm(study, config, Counting(interrupt_at=moment), 2, tmp_path / "one", quiet)
    if len(whole.fresh) > moment:
        assert OPENINGS not in study.user_attrs
    engine = Counting()
    assert confirm(study, config, engine, 2, tmp_path / "one", quiet)
    assert len(engine.jobs) == len(whole.jobs) - moment
    assert study.user_attrs[CONFIRMATION] == other.user_attrs[CONFIRMATION]


def without_looks(study: optuna.Study) -> dict[str, Any]:
    found: dict[str, Any] = study.user_attrs[CONFIRMATION]
    price, plan = {**found["price"], "looks": 0}, {**found["plan"], "fewest": 0}
    return {**found, "price": price, "plan": plan}


def altered(weights: bytes) -> bytes:
    return weights[:-1] + bytes([weights[-1] ^ 1])


def cut_short(weights: bytes) -> bytes:
    return weights[:-10]


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [altered, cut_short])
def test_spoiled_weights_are_named_and_trained_again(
    config: StudyConfig, url: str, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    study = search(url, config, 4)
    confirm(study, config, make_engine(1), 1, tmp_path, quiet)
    before = without_looks(study)
    victim = next(tmp_path.glob(f"seed-{before['seeds'][0]}-*.safetensors"))
    whole = victim.read_bytes()
    victim.write_bytes(spoil(whole))
    study.set_user_attr(CONFIRMATION, {})
    with pytest.raises(BundleError, match=victim.name):
        confirm(study, config, make_engine(1), 1, tmp_path, quiet)
    assert not victim.exists()
    assert confirm(study, config, make_engine(1), 1, tmp_path, quiet)
    assert victim.read_bytes() == whole
    assert without_looks(study) == before


@pytest.mark.parametrize("held_out", one_in(2, [True, False]))
def test_no_model_of_the_race_meets_the_test(
    config: StudyConfig, url: str, tmp_path: Path, held_out: bool
) -> None:
    if held_out:
        dataset = replace(config.dataset, validation=Holdout(20))
        config = replace(config, dataset=dataset, data_folder=cache.store(dataset, tmp_path / "1"))
    study, engine = search(url, config, 6), Counting()
    assert confirm(study, config, engine, 2, tmp_path / "weights", quiet)
    raced = {run.seed for job in engine.fresh for run in job.replicas}
    trained = {run.seed for job in engine.final for run in job.replicas if run.weights}
    found = study.user_attrs[CONFIRMATION]
    tested = {seed for arm in found["arms"].values() for seed in arm["seeds"]}
    assert tested <= trained
    assert not raced & trained
    assert found["trained_on"] == len(config.dataset.development)
    assert all(run.weights is None for job in engine.fresh for run in job.replicas)


def test_what_the_models_said_of_each_row_is_kept(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 4)
    confirm(study, config, make_engine(1), 2, tmp_path, quiet)
    found, attributes = study.user_attrs[CONFIRMATION], kept(study).user_attrs
    test = config.dataset.test.open(lambda: None)
    targets = kept_targets(attributes)
    assert targets is not None
    assert targets.tolist() == test.targets.tolist()
    for arm in found["arms"].values():
        said = kept_predictions(attributes, arm["trial"], targets)
        assert said is not None
        assert list(said.seeds) == arm["seeds"]
        lost = losses(ACCURACY, said, targets)
        assert lost is not None
        right = 1 - lost.mean(axis=1)
        assert right.tolist() == pytest.approx([score["accuracy"] for score in arm["scores"]])


@pytest.mark.slow
def test_looks_at_the_same_rows_are_counted_over_all_studies_of_a_store(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    first = search(url, config, 3)
    identity = config.dataset.test.identity()
    assert looks_at(first, identity) == 0
    confirm(first, config, make_engine(1), 2, tmp_path / "1", quiet)
    assert looks_at(first, identity) == 1
    second = search(url, replace(config, seed=1), 3, name="second")
    assert looks_at(second, identity) == 1, "before it has looked itself"
    confirm(second, replace(config, seed=1), make_engine(1), 2, tmp_path / "2", quiet)
    assert looks_at(first, identity) == looks_at(second, identity) == 2
    assert looks_at(first, "other rows") == 0
    assert looks_at(first, None) == 2, "by the fingerprint of the data, where rows are not known"


def test_without_a_baseline_there_is_nothing_to_compare(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, _ = open_as_command(url, "study", config)
    with pytest.raises(StudyError, match="baseline has no complete trial"):
        confirm(study, config, make_engine(1), 1, tmp_path, quiet)


@pytest.mark.slow
def test_every_stream_of_the_product_is_on_the_list() -> None:
    calls = [
        (path.name, node.args[1])
        for path in Path(tuner.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "derive"
    ]
    assert len(calls) >= len(Stream) - 1
    literal = [name for name, stream in calls if isinstance(stream, ast.Constant)]
    assert literal == [], "write the name into tuner.seeds.Stream"


def test_seeds_are_derived_by_name() -> None:
    seeds = {
        derive(seed, *path) for seed in (0, 1) for path in (("a", 1), ("a", 2), ("b", 1), ("a",))
    }
    assert len(seeds) == 8
    assert derive(0, "a", 1) == derive(0, "a", 1)
    assert all(0 <= seed < 2**32 for seed in seeds)
