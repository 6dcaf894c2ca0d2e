"""Trainings for the test that diverge, on studies of the tiny case."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.evidence.test_confirmation import Counting, kept, quiet
from tests.evidence.test_proof import best_against_baseline, with_a_good_trial
from tests.making import DATABASE, HERE, TINY, retrained
from tuner.engines.job import Failed
from tuner.errors import StudyError
from tuner.evidence.confirmation import confirm
from tuner.evidence.final_trainings import Diverged
from tuner.evidence.jobs import TOGETHER, seed_of, stream_of
from tuner.evidence.odometer import looks_at
from tuner.evidence.proof import Proof
from tuner.language import speaking
from tuner.report.document import document
from tuner.report.facts import gather
from tuner.runs import retraining
from tuner.study.schema import CONFIRMATION, OPENINGS
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import optuna

    from tuner.engines.job import Event, Job
    from tuner.study.configuration import StudyConfig

BEST = 2  # the number of the trial that wins


class Diverging(Counting):
    """Trainings of a trial for the test diverge on some of its seeds, given by their numbers."""

    def __init__(
        self,
        config: StudyConfig,
        numbers: Collection[int],
        interrupt_at: int | None = None,
        trial: int = BEST,
    ) -> None:
        super().__init__(interrupt_at)
        self.diverge = {seed_of(config.seed, number, stream_of(trial)) for number in numbers}
        self.lost: set[int] = set()

    def start(self, key: int, job: Job) -> None:
        super().start(key, job)
        if self.diverge & {run.seed for run in job.replicas}:
            self.lost.add(key)

    def next(self, key: int, timeout: float) -> Event:
        if key not in self.lost:
            return super().next(key, timeout)
        self.lost.discard(key)
        self.stop(key)
        return Failed("the loss is not finite", diverged=True)


def seeds(config: StudyConfig, numbers: Collection[int]) -> list[int]:
    return [seed_of(config.seed, number, stream_of(BEST)) for number in numbers]


def arm_of_the_best(study: optuna.Study) -> dict[str, Any]:
    found: dict[str, Any] = study.user_attrs[CONFIRMATION]["arms"]["best"]
    assert found["trial"] == BEST
    return found


@pytest.mark.parametrize(
    ("diverge", "made_of"), [({1, 3}, [0, 2, 4, 5]), ({0, 4}, [1, 2, 3, 5]), ({5}, [0, 1, 2, 3])]
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
    assert Diverged.of(kept(study), config, BEST).numbers == tuple(sorted(met))
    assert sum("the next seed takes its place" in line for line in said) == len(met)
    assert len(study.user_attrs[OPENINGS]) == 1
    assert best_against_baseline(study)["verdict"] == "better"
    own = [job for job in engine.final if engine.diverge & {run.seed for run in job.replicas}]
    assert [len(job.replicas) for job in own] == [TOGETHER] + [1] * len(met)


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


def test_where_most_diverge_the_study_is_not_confirmed(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = with_a_good_trial(url, config)
    for _ in range(2):
        with pytest.raises(StudyError, match=r"6 new trainings of trial 2 diverged, more than"):
            confirm(study, config, Diverging(config, range(30)), None, tmp_path, quiet)
    assert OPENINGS not in study.user_attrs
    assert CONFIRMATION not in study.user_attrs


def test_a_recipe_that_mostly_diverges_is_left_out_of_the_test(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, said = with_a_good_trial(url, config), list[str]()
    confirm(study, config, Diverging(config, range(30), trial=1), None, tmp_path, said.append)
    assert "6 new trainings of the recipe diverged; it is not tested." in said
    found = study.user_attrs[CONFIRMATION]
    assert found["arms"].keys() == {"baseline", "best"}
    assert best_against_baseline(study)["verdict"] == "better"
    facts = gather(study, Workplace.at(url=url))
    assert facts["arms"]["recipe"]["test"] == {}
    words = "The recipe was not tested: 6 new trainings of it diverged."
    assert words in " ".join(document(facts, []).split())
    with speaking("zh"):
        assert "有 6 次新的训练发散" in document(facts, [])
    assert not confirm(study, config, Counting(interrupt_at=0), None, tmp_path, quiet)
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
    other = with_a_good_trial(f"sqlite:///{tmp_path}/other.db", config)
    whole = Diverging(config, numbers, trial=1)
    confirm(other, config, whole, None, tmp_path / "other", quiet)
    found = other.user_attrs[CONFIRMATION]
    assert (found["plan"]["made"], found["arms"].keys()) == (2, {"baseline", "best"})
    study = with_a_good_trial(url, config)
    for jobs in range(1, len(whole.jobs)):
        with suppress(KeyboardInterrupt):
            engine = Diverging(config, numbers, jobs, trial=1)
            confirm(study, config, engine, None, tmp_path / "one", quiet)
    assert study.user_attrs[CONFIRMATION] == found
    assert looks_at(study, config.dataset.test.identity()) == 1


def test_its_model_is_retrained_and_the_report_says_what_diverged(
    own_workplace: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = with_a_good_trial(DATABASE, config)
    confirm(study, config, Diverging(config, [0, 1]), None, HERE.confirmation("study"), quiet)
    seeds_tested = arm_of_the_best(study)["seeds"]
    monkeypatch.setattr(retraining, "InProcessEngine", lambda: Diverging(config, [0, 1]))
    manifest = json.loads((retrained("study", TINY) / "manifest.json").read_text())
    assert manifest["seed"] == seeds_tested[0] == seeds(config, [2])[0]
    assert manifest["metrics"]["test"], manifest["metrics"]["why_no_test"]
    facts = gather(study, HERE)
    words = "2 trainings of the best for the test diverged. The next seeds took their place"
    assert words in " ".join(document(facts, []).split())
    with speaking("zh"):
        assert "2 次用于检验的训练发散" in document(facts, [])
