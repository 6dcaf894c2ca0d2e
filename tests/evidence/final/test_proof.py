"""The two looks of a confirmation, on real studies of the tiny case."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.evidence.confirming import (
    Counting,
    best_against_baseline,
    kept,
    quiet,
    with_a_good_trial,
)
from tests.making import (
    DATABASE,
    HERE,
    TINY,
    make_brief,
    make_engine,
    retrained,
    search,
)
from tuner.evidence.confirmation import confirm
from tuner.evidence.final import opening
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.rows.predictions import kept_predictions, kept_targets
from tuner.search.pruner import pruner_named
from tuner.study.opening import open_study
from tuner.study.schema import CONFIRMATION, OPENINGS
from tuner.study.store import load_study

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.study.configuration import StudyConfig


@pytest.mark.slow
def test_a_gain_that_the_first_look_proves_is_looked_at_once(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, engine = with_a_good_trial(url, config), Counting()
    assert confirm(study, config, engine, None, tmp_path, quiet)
    found = study.user_attrs[CONFIRMATION]
    assert (found["winner"], found["most"]) == (2, 8)
    assert found["plan"]["models"] == [4, 8]
    assert (found["plan"]["made"], found["plan"]["settled"]) == (1, True)
    assert [len(arm["scores"]) for arm in found["arms"].values()] == [4, 4, 4]
    seeds = [seed for arm in found["arms"].values() for seed in arm["seeds"]]
    assert len(set(seeds)) == 12, "no arm shares a seed with another"
    assert len(study.user_attrs[OPENINGS]) == 1
    pair = best_against_baseline(study)
    assert (pair["verdict"], pair["n"], pair["fewest"]) == ("better", 4, 4)
    assert pair["confidence"] == pytest.approx(1 - 2 / 70)
    assert not confirm(study, config, Counting(interrupt_at=0), None, tmp_path, quiet)
    assert not confirm(study, config, Counting(interrupt_at=0), 4, tmp_path, quiet)


@pytest.mark.slow
def test_where_the_first_look_proves_nothing_a_second_is_the_last(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study, said = search(url, config, 2), list[str]()
    assert confirm(study, config, make_engine(1), None, tmp_path, said.append)
    assert sum(line.startswith("The first look has proven nothing") for line in said) == 1
    found = study.user_attrs[CONFIRMATION]
    assert (found["plan"]["made"], found["plan"]["settled"]) == (2, False)
    assert [len(arm["scores"]) for arm in found["arms"].values()] == [8, 8, 8]
    first, second = study.user_attrs[OPENINGS]
    assert ("look" in first, second["look"]) == (False, 2)
    assert second["reason"].startswith("second look, which was planned")
    assert looks_at(study, config.dataset.test.identity()) == 1, "they share the rate of one test"
    pair = best_against_baseline(study)
    assert (pair["verdict"], pair["n"], pair["looks"]) == ("no proven gain", 8, 1)
    assert pair["confidence"] == pytest.approx(1 - (0.05 - 2 / 70))
    assert not confirm(study, config, Counting(interrupt_at=0), None, tmp_path, quiet)


@pytest.mark.slow
def test_a_study_interrupted_between_its_looks_makes_the_second(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    whole = Counting()
    other = search(f"sqlite:///{tmp_path}/other.db", config, 2)
    confirm(other, config, whole, None, tmp_path / "other", quiet)
    study, stopped = search(url, config, 2), Counting(interrupt_at=len(whole.jobs) - 1)
    with pytest.raises(KeyboardInterrupt):
        confirm(study, config, stopped, None, tmp_path / "one", quiet)
    between = study.user_attrs[CONFIRMATION]
    assert (between["plan"]["made"], len(between["seeds"])) == (1, 4)
    assert best_against_baseline(study)["confidence"] == pytest.approx(1 - 2 / 70)
    engine = Counting()
    assert confirm(study, config, engine, None, tmp_path / "one", quiet)
    assert len(engine.jobs) == 1, "nothing is trained twice"
    assert study.user_attrs[CONFIRMATION] == other.user_attrs[CONFIRMATION]
    assert len(study.user_attrs[OPENINGS]) == 2
    assert looks_at(study, config.dataset.test.identity()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["keep_targets", "record_opening", "keep_moments", "_tested"])
def test_a_study_interrupted_after_its_rows_were_opened_makes_the_same_test(
    config: StudyConfig,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """Nobody has seen the scores before they are stored, so this is no second test."""
    other = with_a_good_trial(f"sqlite:///{tmp_path}/other.db", config)
    confirm(other, config, make_engine(1), None, tmp_path / "other", quiet)
    study, original = with_a_good_trial(url, config), getattr(opening, moment)

    def interrupted(*given: Any, **named: Any) -> None:
        original(*given, **named)
        raise KeyboardInterrupt

    for _ in range(2):
        monkeypatch.setattr(opening, moment, interrupted)
        with pytest.raises(KeyboardInterrupt):
            confirm(study, config, make_engine(1), None, tmp_path / "one", quiet)
        monkeypatch.undo()
    assert confirm(study, config, Counting(interrupt_at=0), None, tmp_path / "one", quiet)
    assert study.user_attrs[CONFIRMATION] == other.user_attrs[CONFIRMATION]
    assert looks_at(study, config.dataset.test.identity()) == 1
    assert [one.get("again", False) for one in study.user_attrs[OPENINGS]] == [False, True, True]


@pytest.mark.slow
def test_a_test_after_a_change_that_was_accepted_is_another_one(url: str, tmp_path: Path) -> None:
    """The result of the first one may be the reason for the change of code."""
    case = tmp_path / "tiny.py"
    shutil.copy(TINY, case)
    config = make_brief(str(case), tmp_path)
    study = with_a_good_trial(url, config)
    confirm(study, config, make_engine(1), 4, tmp_path, quiet)
    case.write_text(f"{case.read_text()}CHANGED = True\n")
    changed = make_brief(str(case), tmp_path)
    study, changed = open_study(url, "study", changed, pruner_named, accept=True)
    assert confirm(study, changed, make_engine(1), 4, tmp_path, quiet)
    assert looks_at(study, config.dataset.test.identity()) == 2


@pytest.mark.slow
def test_a_part_interrupted_after_its_rows_were_opened_makes_the_same_test(
    own_workplace: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = with_a_good_trial(DATABASE, config)
    confirm(study, config, make_engine(1), 4, HERE.confirmation("study"), quiet)
    before = looks_at(study, config.dataset.test.identity())

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(opening, "keep_targets", interrupted)
            with pytest.raises(KeyboardInterrupt):
                retrained("study", TINY, only=("width",))
    made = retrained("study", TINY, only=("width",))
    study = load_study(DATABASE, "study")
    assert looks_at(study, config.dataset.test.identity()) == before + 1
    assert len(study.user_attrs[OPENINGS]) == 4
    assert json.loads((made / "manifest.json").read_text())["metrics"]["test"]


@pytest.mark.slow
def test_models_of_the_first_look_are_among_those_of_the_second(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 2)
    confirm(study, config, make_engine(1), 4, tmp_path / "four", quiet)
    four = study.user_attrs[CONFIRMATION]["arms"]
    other = search(f"sqlite:///{tmp_path}/other.db", config, 2)
    confirm(other, config, make_engine(1), None, tmp_path / "both", quiet)
    both = other.user_attrs[CONFIRMATION]["arms"]
    attributes = kept(other).user_attrs
    targets = kept_targets(attributes)
    assert targets is not None
    for name, arm in four.items():
        assert both[name]["seeds"][:4] == arm["seeds"]
        assert both[name]["scores"][:4] == arm["scores"]
        said = kept_predictions(attributes, arm["trial"], targets)
        assert said is not None
        assert list(said.seeds) == both[name]["seeds"]


@pytest.mark.slow
def test_a_number_of_seeds_is_one_look_at_so_many(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 2)
    assert confirm(study, config, make_engine(1), 5, tmp_path, quiet)
    plan = study.user_attrs[CONFIRMATION]["plan"]
    assert (plan["models"], plan["parts"], plan["made"]) == ([5], [1.0], 1)
    assert len(study.user_attrs[OPENINGS]) == 1
    assert best_against_baseline(study)["confidence"] == pytest.approx(0.95)


@pytest.mark.slow
def test_a_further_test_of_the_same_rows_takes_more_models(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 2)
    confirm(study, config, make_engine(1), 2, tmp_path / "1", quiet)
    assert best_against_baseline(study)["fewest"] == 4
    assert confirm(study, config, make_engine(1), None, tmp_path / "2", quiet)
    assert study.user_attrs[CONFIRMATION]["plan"]["models"] == [5, 10]
    assert looks_at(study, config.dataset.test.identity()) == 2


@pytest.mark.slow
def test_a_confirmation_of_before_there_were_plans_stays_as_it_was(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    """Six seeds that all arms share, judged only by Student's distribution."""
    study = search(url, config, 2)
    confirm(study, config, make_engine(1), 6, tmp_path, quiet)
    stored = study.user_attrs[CONFIRMATION]
    arms = {
        name: {key: value for key, value in arm.items() if key not in {"seeds", "stream"}}
        for name, arm in stored["arms"].items()
    }
    before = {**{key: stored[key] for key in stored if key != "plan"}, "arms": arms}
    study.set_user_attr(CONFIRMATION, before)
    pair = best_against_baseline(study)
    assert (pair["fewest"], pair["n"]) == (6, 6)
    half = pair["interval"][1] - pair["gain"]
    assert half == pytest.approx(pair["gain"] - pair["interval"][0]), "Student's is symmetric"
    assert not confirm(study, config, Counting(interrupt_at=0), None, tmp_path, quiet)
    assert not confirm(study, config, Counting(interrupt_at=0), 6, tmp_path, quiet)
    assert study.user_attrs[CONFIRMATION] == before
