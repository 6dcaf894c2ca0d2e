"""Diverging trainings for the test, on studies of the tiny case."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.evidence.confirming import (
    Breaking,
    Counting,
    best_against_baseline,
    kept,
    quiet,
    with_a_good_trial,
)
from tests.making import DATABASE, HERE, TINY, retrained
from tests.sampling import one_in
from tuner.errors import StudyError
from tuner.evidence import confirmation
from tuner.evidence.ablation.confirming_parts import confirm_part, name_of_part
from tuner.evidence.confirmation import confirm
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.final.proof import Proof, _Look, _Rival
from tuner.evidence.final.trainings import Diverged
from tuner.evidence.jobs import TOGETHER, seed_of, stream_of
from tuner.evidence.rounds.racing import race_on_fresh_folds
from tuner.language import speaking
from tuner.report.document import document
from tuner.report.facts import gather
from tuner.runs.models import again as models
from tuner.runs.models import partial
from tuner.study.schema import CONFIRMATION, OPENINGS
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import optuna

    from tuner.evidence.jobs import Configuration
    from tuner.evidence.statistics.looks import Plan
    from tuner.study.configuration import StudyConfig

BEST = 2  # the number of the trial that wins


class Diverging(Breaking):
    """Trainings of a trial for the test diverge on some of its seeds, given by number."""

    def __init__(
        self,
        config: StudyConfig,
        numbers: Collection[int],
        interrupt_at: int | None = None,
        trial: int | str = BEST,
    ) -> None:
        lost = {seed_of(config.seed, number, stream_of(trial)) for number in numbers}
        super().__init__(lost, diverged=True, interrupt_at=interrupt_at)


def seeds(config: StudyConfig, numbers: Collection[int]) -> list[int]:
    return [seed_of(config.seed, number, stream_of(BEST)) for number in numbers]


def arm_of_the_best(study: optuna.Study) -> dict[str, Any]:
    found: dict[str, Any] = study.user_attrs[CONFIRMATION]["arms"]["best"]
    assert found["trial"] == BEST
    return found


@pytest.mark.parametrize(
    ("diverge", "made_of"),
    one_in(3, [({1, 3}, [0, 2, 4, 5]), ({0, 4}, [1, 2, 3, 5]), ({5}, [0, 1, 2, 3])]),
)
def test_the_next_seed_takes_the_place_of_one_that_diverges(
    config: StudyConfig, url: str, tmp_path: Path, diverge: set[int], made_of: list[int]
) -> None:
    study, said = with_a_good_trial(url, config), list[str]()
    engine = Diverging(config, diverge)
    assert confirm(study, config, engine, None, tmp_path, said.append)
    arm = arm_of_the_best(study)
    assert arm["seeds"] == seeds(config, made_of)
    met = [number for number in diverge if number < max(made_of)]
    assert arm["diverged"] == len(met)
    assert Diverged.of(kept(study), config, BEST).numbers == set(met)
    assert sum("the next seed takes its place" in line for line in said) == len(met)
    assert len(study.user_attrs[OPENINGS]) == 1
    assert best_against_baseline(study)["verdict"] == "better"
    own = [job for job in engine.final if engine.seeds & {run.seed for run in job.replicas}]
    assert [len(job.replicas) for job in own] == [TOGETHER] + [1] * len(met)


@pytest.mark.slow
def test_interrupted_it_ends_as_it_would_have(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    other, whole = (
        with_a_good_trial(f"sqlite:///{tmp_path}/other.db", config),
        Diverging(config, [1]),
    )
    confirm(other, config, whole, None, tmp_path / "other", quiet)
    study = with_a_good_trial(url, config)
    for jobs in range(1, len(whole.jobs)):
        with suppress(KeyboardInterrupt):
            confirm(study, config, Diverging(config, [1], jobs), None, tmp_path / "one", quiet)
    confirm(study, config, Diverging(config, [1]), None, tmp_path / "one", quiet)
    assert study.user_attrs[CONFIRMATION] == other.user_attrs[CONFIRMATION]
    assert arm_of_the_best(study)["diverged"] == 1


@pytest.mark.slow
def test_where_most_diverge_the_study_is_not_confirmed(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = with_a_good_trial(url, config)
    for _ in range(2):
        with pytest.raises(StudyError, match=r"6 new trainings of trial 2 diverged, more than"):
            confirm(study, config, Diverging(config, range(30)), None, tmp_path, quiet)
    assert OPENINGS not in study.user_attrs
    assert CONFIRMATION not in study.user_attrs


@pytest.mark.slow
def test_a_later_smaller_test_counts_only_what_it_needs(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    """Six of 26 trainings of the baseline diverge, and one of the first six."""
    study, numbers = with_a_good_trial(url, config), [2, 8, 11, 14, 17, 20]
    confirm(study, config, Diverging(config, numbers, trial=0), 20, tmp_path, quiet)
    assert study.user_attrs[CONFIRMATION]["arms"]["baseline"]["diverged"] == 6
    study.set_user_attr(CONFIRMATION, {})  # as after a change that was accepted
    confirm(study, config, Diverging(config, numbers, trial=0), 5, tmp_path, quiet)
    arm = study.user_attrs[CONFIRMATION]["arms"]["baseline"]
    assert (len(arm["seeds"]), arm["diverged"]) == (5, 1)


@pytest.mark.slow
def test_a_second_look_trains_what_is_missing_alone(
    config: StudyConfig, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Proof, "_proves", lambda *_: False)
    engine = Diverging(config, [1])
    confirm(with_a_good_trial(url, config), config, engine, None, tmp_path, quiet)
    first = {seed_of(config.seed, number, stream_of(BEST)) for number in range(TOGETHER)}
    own = [job for job in engine.final if first & {run.seed for run in job.replicas}]
    assert [len(job.replicas) for job in own] == [TOGETHER, 1, 1, 1, 1, 1, 1]


@pytest.mark.slow
def test_a_recipe_that_mostly_diverges_is_left_out_of_the_test(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, said = with_a_good_trial(url, config), list[str]()
    confirm(study, config, Diverging(config, range(30), trial=1), None, tmp_path, said.append)
    assert "6 new trainings of the recipe diverged; it is left out." in said
    found = study.user_attrs[CONFIRMATION]
    assert found["arms"].keys() == {"baseline", "best"}
    assert best_against_baseline(study)["verdict"] == "better"
    facts = gather(study, Workplace.at(url=url))
    assert facts["arms"]["recipe"]["test"] == {}
    words = "The recipe is not compared: 6 new trainings of it gave no score."
    assert words in " ".join(document(facts, []).split())
    with speaking("zh"):
        assert "有 6 次新的训练没有得到分数" in document(facts, [])
    assert not confirm(study, config, Counting(interrupt_at=0), None, tmp_path, quiet)
    study.set_user_attr(CONFIRMATION, {**found, "candidates": found["candidates"][::-1]})
    assert not confirm(study, config, Counting(interrupt_at=0), None, tmp_path, quiet)
    assert study.user_attrs[CONFIRMATION] == found
    engine = Counting()
    assert confirm(study, config, engine, 5, tmp_path, quiet)
    assert study.user_attrs[CONFIRMATION]["arms"].keys() == {"baseline", "best"}


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [range(30), range(4, 30)])
def test_so_it_is_where_it_is_found_out_late_or_after_an_interrupt(
    config: StudyConfig,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    numbers: range,
) -> None:
    monkeypatch.setattr(Proof, "_proves", lambda *_: False)  # so that there is a second look
    looks, look = list[int](), Proof._look

    def look_beside_a_rival(proof: Proof, plan: Plan) -> _Look:
        looks.append(plan.made)
        found = look(proof, plan)
        rivals = [("boosting", _Rival({"setting": ""}, found.arms[BEST]))]
        return replace(found, rivals=rivals if plan.made == 1 else [])

    monkeypatch.setattr(Proof, "_look", look_beside_a_rival)
    other = with_a_good_trial(f"sqlite:///{tmp_path}/other.db", config)
    whole = Diverging(config, numbers, trial=1)
    confirm(other, config, whole, None, tmp_path / "other", quiet)
    found = other.user_attrs[CONFIRMATION]
    assert (found["plan"]["made"], found["arms"].keys()) == (2, {"baseline", "best"})
    assert found["rivals"].keys() == {"boosting"}
    assert looks == [1, 2]
    study = with_a_good_trial(url, config)
    for jobs in range(1, len(whole.jobs)):
        with suppress(KeyboardInterrupt):
            engine = Diverging(config, numbers, jobs, trial=1)
            confirm(study, config, engine, None, tmp_path / "one", quiet)
    assert study.user_attrs[CONFIRMATION] == found
    assert looks_at(study, config.dataset.test.identity()) == 1


@pytest.mark.slow
def test_so_the_report_says_where_the_baseline_is_best(
    config: StudyConfig, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = race_on_fresh_folds
    monkeypatch.setattr(
        confirmation, "race_on_fresh_folds", lambda *given: replace(race(*given), winner=0)
    )
    study = with_a_good_trial(url, config)
    confirm(study, config, Diverging(config, range(30), trial=1), None, tmp_path, quiet)
    text = document(gather(study, Workplace.at(url=url)), [])
    assert "The recipe is not compared: 6 new trainings of it gave no score." in text


@pytest.mark.slow
def test_a_part_of_the_changes_is_retrained_with_a_seed_that_was_tested(
    own_workplace: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = with_a_good_trial(DATABASE, config)
    confirm(study, config, Counting(), 3, HERE.confirmation("study"), quiet)
    names, real = list[str](), confirm_part

    def confirm_with_divergence(
        study: Any, config: Any, engine: Any, configuration: Configuration, *more: Any
    ) -> Any:
        names.append(name_of_part(configuration))
        return real(study, config, DivergingPart(), configuration, *more)

    class DivergingPart(Diverging):
        def __init__(self) -> None:
            super().__init__(config, [0], trial=names[0])

    monkeypatch.setattr(partial, "confirm_part", confirm_with_divergence)
    monkeypatch.setattr(models, "InProcessEngine", DivergingPart)
    made = retrained("study", TINY, only=("width",))
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["seed"] == seed_of(config.seed, 1, stream_of(names[0]))
    assert manifest["metrics"]["test"], manifest["metrics"]["why_no_test"]


@pytest.mark.slow
def test_its_model_is_retrained_and_the_report_says_what_diverged(
    own_workplace: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = with_a_good_trial(DATABASE, config)
    confirm(study, config, Diverging(config, [0, 1]), None, HERE.confirmation("study"), quiet)
    seeds_tested = arm_of_the_best(study)["seeds"]
    monkeypatch.setattr(models, "InProcessEngine", lambda: Diverging(config, [0, 1]))
    manifest = json.loads((retrained("study", TINY) / "manifest.json").read_text())
    assert manifest["seed"] == seeds_tested[0] == seeds(config, [2])[0]
    assert manifest["metrics"]["test"], manifest["metrics"]["why_no_test"]
    facts = gather(study, HERE)
    words = "2 trainings of the best for the test diverged. The next seeds took their place"
    assert words in " ".join(document(facts, []).split())
    with speaking("zh"):
        assert "2 次用于检验的训练发散" in document(facts, [])
