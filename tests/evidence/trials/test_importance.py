from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from tests.report.studies import add_trial, make_study
from tuner.engines.forking import CAN_FORK, pool
from tuner.evidence.trials.importance import EVIDENCE, explain, importance
from tuner.study.schema import IMPORTANCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna
    from optuna.distributions import BaseDistribution

MANY = 60


def made(
    folder: Path, score: Callable[[dict[str, Any], random.Random], float], count: int = MANY
) -> optuna.Study:
    """A study with these scores; trials below the median are pruned half-way."""
    study, draw = make_study(folder), random.Random(0)
    for _ in range(count):
        step_lr = draw.random() < 0.5
        values: dict[str, Any] = {
            "dropout": draw.random(),
            "optimizer": draw.choice(["adam", "adamw"]),
            "batch_norm": draw.random() < 0.5,
            "step_lr": step_lr,
            "step_size": draw.randint(1, 9) if step_lr else 5,
            "width": draw.choice([16, 32, 64]),
        }
        value = score(values, draw)
        if value < 0.5:
            add_trial(study, TrialState.PRUNED, value, stop=5, **values)
        else:
            add_trial(study, value=value, **values)
    return study


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in found["hyperparameters"]}


@pytest.mark.slow
def test_what_matters_beats_the_shadow_and_noise_does_not(tmp_path: Path) -> None:
    def score(values: dict[str, Any], draw: random.Random) -> float:
        return (
            0.6
            + 0.2 * bool(values["batch_norm"])
            + 0.1 * float(values["dropout"])
            + draw.gauss(0, 0.01)
        )

    found = importance(made(tmp_path, score))["final"]
    names = [one["name"] for one in found["hyperparameters"]]
    assert names[:2] == ["batch_norm", "dropout"]
    one = by_name(found)
    assert all(one[name]["beats"] >= EVIDENCE for name in names[:2])
    assert all(one[name]["beats"] < EVIDENCE for name in names[2:])
    total = sum(each["importance"] for each in found["hyperparameters"])
    assert total + found["shadow"]["importance"] == pytest.approx(1)
    for each in found["hyperparameters"]:
        assert 0 <= each["interval"][0] <= each["interval"][1] <= 1


@pytest.mark.slow
def test_pure_noise_gives_no_evidence(tmp_path: Path) -> None:
    found = importance(made(tmp_path, lambda _, draw: 0.6 + 0.3 * draw.random()))["final"]
    assert [one["name"] for one in found["hyperparameters"] if one["beats"] >= EVIDENCE] == []


@pytest.mark.slow
def test_pruned_trials_enter_at_the_rung_that_all_reached(tmp_path: Path) -> None:
    def score(values: dict[str, Any], draw: random.Random) -> float:
        return 0.9 - 0.6 * bool(values["batch_norm"]) + 0.05 * draw.random()

    found = importance(made(tmp_path, score))
    assert found["rung"] == 5
    assert (found["trials"], found["early"]["trials"]) == (MANY, MANY)
    assert found["final"]["trials"] < MANY
    assert "batch_norm" not in by_name(found["final"]), "all complete trials are without it"
    assert found["early"]["hyperparameters"][0]["name"] == "batch_norm"
    assert found["early"]["hyperparameters"][0]["beats"] >= EVIDENCE


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use few trees in tests for which precision does not matter."""
    for name, value in (("RESAMPLES", 4), ("TREES", 4), ("TREES_A_RESAMPLE", 2)):
        monkeypatch.setattr(f"tuner.evidence.trials.importance.{name}", value)


@pytest.mark.usefixtures("few_trees")
def test_a_choice_counts_once_where_suggest_makes_two_hyperparameters_of_it(tmp_path: Path) -> None:
    study, draw = make_study(tmp_path), random.Random(0)
    for _ in range(12):
        norm, dropout = draw.random() < 0.5, draw.random()
        fields = {
            "batch_norm": norm,
            "pool_first": norm,
            "dropout": dropout,
            "kept": 1 - dropout,
            "width": 64 if norm else draw.choice([16, 32]),
        }
        study.add_trial(
            create_trial(
                value=0.6 + 0.2 * norm + 0.1 * dropout,
                params={"batch_norm": norm, "dropout": dropout},
                distributions={
                    "batch_norm": CategoricalDistribution((False, True)),
                    "dropout": FloatDistribution(0, 1),
                },
                user_attrs={"hyperparameters": fields},
            )
        )
    found = by_name(importance(study)["final"])
    assert found.keys() == {"batch_norm", "dropout", "width"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["learning_rate", "batch_size", "width"])
@pytest.mark.usefixtures("few_trees")
def test_a_value_weighs_as_often_as_it_is_drawn(tmp_path: Path, name: str) -> None:
    """Half of all draws are bad because of one hyperparameter, in a small corner of its range."""
    study, draw = make_study(tmp_path), random.Random(0)
    distributions: dict[str, BaseDistribution] = {
        "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
        "batch_size": CategoricalDistribution((256, 8, 16, 4)),
        "width": IntDistribution(1, 1024, log=True),
        "dropout": FloatDistribution(0, 1),
    }
    for _ in range(50):
        params = {
            "learning_rate": 10 ** draw.uniform(-5, -1),
            "batch_size": draw.choice([4, 8, 16, 256]),
            "width": round(2 ** draw.uniform(0, 10)),
            "dropout": draw.random(),
        }
        bad = {
            "learning_rate": params["learning_rate"] < 1e-3,
            "batch_size": params["batch_size"] < 10,
            "width": params["width"] < 32,
        }
        study.add_trial(
            create_trial(
                value=0.6 - 0.3 * bad[name] + 0.1 * params["dropout"],
                params=params,
                distributions=distributions,
                user_attrs={"hyperparameters": {**params, "kept": 1 - params["dropout"]}},
            )
        )
    first, second, *_ = importance(study)["final"]["hyperparameters"]
    assert (first["name"], second["name"]) == (name, "dropout")
    assert first["importance"] > 0.45, "three quarters, by ranks"


@pytest.mark.usefixtures("few_trees")
def test_what_only_some_trials_have_is_named(tmp_path: Path) -> None:
    """For example in a loop that asks for one only after it has seen another."""
    study, draw = make_study(tmp_path), random.Random(0)
    for number in range(12):
        fields = {"lr": draw.random(), **({"momentum": draw.random()} if number % 2 else {})}
        study.add_trial(create_trial(value=fields["lr"], user_attrs={"hyperparameters": fields}))
    found = importance(study)["final"]
    assert (found["missing"], list(by_name(found))) == (["momentum"], ["lr"])


@pytest.mark.usefixtures("few_trees")
def test_a_number_outside_of_what_is_drawn_enters_as_well(tmp_path: Path) -> None:
    """As for a baseline without weight decay, if the range is logarithmic."""
    study = make_study(tmp_path)
    rate, size = FloatDistribution(1e-5, 1e-1, log=True), CategoricalDistribution((16, 32))
    for number in range(10):
        drawn = {"weight_decay": 1e-4 * (1 + number), "batch_size": 16 + 16 * (number % 2)}
        fields = {"weight_decay": 0.0, "batch_size": 24} if number == 0 else drawn
        study.add_trial(
            create_trial(
                value=number / 10,
                params=drawn,
                distributions={"weight_decay": rate, "batch_size": size},
                user_attrs={"hyperparameters": fields},
            )
        )
    assert by_name(importance(study)["final"]).keys() == {"weight_decay", "batch_size"}


@pytest.mark.usefixtures("few_trees")
def test_it_is_measured_once_and_again_when_there_are_more_trials(tmp_path: Path) -> None:
    study = made(tmp_path, lambda values, _: 0.6 + 0.1 * values["dropout"], count=10)
    said: list[str] = []
    explain(study, said.append)
    before = study.user_attrs[IMPORTANCE]
    assert importance(study) == before, "the same study gives the same figures"
    study.set_user_attr(IMPORTANCE, {**before, "rung": -1})
    explain(study, said.append)
    assert study.user_attrs[IMPORTANCE]["rung"] == -1, "it was not measured again"
    add_trial(study, value=0.7, dropout=0.3)
    explain(study, said.append)
    assert study.user_attrs[IMPORTANCE]["trials"] == 11
    assert len(said) == 2
    now = study.user_attrs[IMPORTANCE]
    study.set_user_attr(IMPORTANCE, {name: now[name] for name in now if name != "measure"})
    explain(study, said.append)
    assert study.user_attrs[IMPORTANCE] == now, "numbers were taken as they are, before"


@pytest.mark.slow
@pytest.mark.usefixtures("few_trees")
@pytest.mark.skipif(not CAN_FORK, reason="there are no processes to compute in")
def test_processes_give_the_same_figures_also_when_one_is_killed(tmp_path: Path) -> None:
    study = made(tmp_path, lambda values, _: 0.6 + 0.1 * values["dropout"], count=10)
    here = importance(study)
    with pool(2, os.getpid) as processes:
        assert processes is not None
        assert importance(study, processes) == here
        assert processes.submit(os._exit, 1).exception() is not None
        assert importance(study, processes) == here


def test_too_little_to_say_anything(tmp_path: Path) -> None:
    study = made(tmp_path, lambda *_: 0.7, count=9)
    assert importance(study)["final"] is None, "all scores are equal"
    other = tmp_path / "other"
    other.mkdir()
    assert importance(made(other, lambda _, draw: draw.uniform(0.6, 0.9), count=7))["final"] is None
    empty = tmp_path / "empty"
    empty.mkdir()
    found = importance(make_study(empty))
    assert (found["final"], found["early"], found["trials"]) == (None, None, 0)
