"""The sampler of new studies: it depends only on seed and trials, and uses all of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from tests.sampling import one_in
from tuner.errors import StudyError
from tuner.search.bayesian import BayesianSampler
from tuner.search.sampler import Samplers, thrift
from tuner.search.tpe import RememberingTPESampler
from tuner.study.durations import whole_work
from tuner.study.samplers import COOLING, GAUSSIAN, ONE_BY_ONE, THRIFTY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AT_ONCE = 3


def suggest(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    depth = trial.suggest_int("depth", 1, 6)
    optimizer = trial.suggest_categorical("optimizer", ("adam", "adamw", "sgd"))
    momentum = trial.suggest_float("momentum", 0, 1) if optimizer == "sgd" else 0.5
    width = trial.suggest_int("width", 16, 256, step=16) if depth > 2 else 16
    trial.suggest_float("constant", 1, 1)
    far = (np.log10(rate) + 2) ** 2 + (depth - 4) ** 2 / 10 + momentum / 5
    return float(far + abs(width - 64) / 640)


def drawn(
    *, maximize: bool = False, trials: int = 30, forgets: bool = False, pruning: float = 0.4
) -> optuna.Study:
    """A study in which some trials run at once, and some are pruned, fail or diverge."""
    luck, samplers = random.Random(0), Samplers(GAUSSIAN)
    study = optuna.create_study(direction="maximize" if maximize else "minimize")
    study.enqueue_trial({"rate": 0.05, "depth": 2, "optimizer": "adam"})
    running: list[tuple[optuna.Trial, float]] = []
    for number in range(trials):
        study.sampler = (Samplers(GAUSSIAN) if forgets else samplers)(7, number, {})
        trial = study.ask()
        running.append((trial, suggest(trial) * (-1 if maximize else 1)))
        if len(running) == AT_ONCE:
            ends, value = running.pop(luck.randrange(AT_ONCE))
            how = luck.random()
            for stage in range(1, 3 if how < pruning else 20):
                ends.report(value + luck.random() / 100, stage)
            if how < pruning:
                study.tell(ends, state=TrialState.PRUNED)
            elif how > 0.9:
                ends.set_user_attr("diverged", how > 0.95)
                study.tell(ends, state=TrialState.FAIL)
            else:
                study.tell(ends, value)
    return study


@pytest.mark.parametrize("maximize", one_in(2, [True, False]))
def test_what_it_draws_depends_on_seed_and_trials_alone(maximize: bool) -> None:
    one, again = drawn(maximize=maximize), drawn(maximize=maximize, forgets=True)
    assert [trial.params for trial in one.trials] == [trial.params for trial in again.trials]
    assert len({trial.params["rate"] for trial in one.trials}) > 20


@pytest.mark.slow
@pytest.mark.parametrize("pruning", [0.0, 0.4])
def test_it_learns_though_trials_are_pruned_and_fail(pruning: float) -> None:
    study = drawn(trials=40, pruning=pruning)
    late = [suggest(optuna.trial.FixedTrial(one.params)) for one in study.trials[25:]]  # type: ignore[arg-type]
    early = [suggest(optuna.trial.FixedTrial(one.params)) for one in study.trials[:10]]  # type: ignore[arg-type]
    assert np.median(late) < np.median(early) / 3


@pytest.mark.slow
def test_what_a_configuration_has_is_drawn_together_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone: list[str] = []
    one_by_one = BayesianSampler.sample_independent

    def note(self: BayesianSampler, study: Any, trial: Any, name: str, distribution: Any) -> Any:
        alone.append(name)
        return one_by_one(self, study, trial, name, distribution)

    study, samplers = optuna.create_study(), Samplers(GAUSSIAN)
    for number in range(45):
        if number == 30:
            monkeypatch.setattr(BayesianSampler, "sample_independent", note)
        study.sampler = samplers(3, number, {})
        trial = study.ask()
        study.tell(trial, suggest(trial))
    assert alone == []


def test_what_is_fixed_is_not_drawn() -> None:
    study, samplers = optuna.create_study(), Samplers(GAUSSIAN)
    for number in range(25):
        study.sampler = samplers(7, number, {"depth": 5})
        trial = study.ask()
        study.tell(trial, suggest(trial))
    assert {trial.params["depth"] for trial in study.trials} == {5}


@pytest.mark.parametrize("given", [{"optimizer": "sgd"}, {"optimizer": "none"}, {"depth": "two"}])
def test_a_trial_that_was_enqueued_in_part_is_completed(given: Mapping[str, Any]) -> None:
    study = drawn(trials=20)
    study.enqueue_trial(dict(given))
    study.sampler = Samplers(GAUSSIAN)(7, 20, {})
    trial = study.ask()
    if given == {"optimizer": "sgd"}:
        suggest(trial)
        assert trial.params["optimizer"] == "sgd"
        assert "momentum" in trial.params
    else:
        assert 1e-4 <= trial.suggest_float("rate", 1e-4, 1e-1, log=True) <= 1e-1


@pytest.mark.parametrize("told_of", ["constraint", "trained"])
def test_it_keeps_to_limits(told_of: str) -> None:
    """The lowest values are where `x` exceeds its limit; such trials are skipped, or not."""
    study, samplers = optuna.create_study(), Samplers(GAUSSIAN)
    for number in range(35):
        study.sampler = samplers(1, number, {})
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("size", x / 0.4 - 1)
        if x > 0.4 and told_of == "constraint":
            trial.set_user_attr("breaks", [x / 0.4 - 1])
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, (x - 1) ** 2 + (y - 0.5) ** 2)
    late = study.trials[20:]
    assert sum(trial.params["x"] <= 0.41 for trial in late) > 0.8 * len(late)
    kept = [trial.params["x"] for trial in late if trial.params["x"] <= 0.4]
    assert max(kept) > 0.35


def test_trials_that_run_are_not_drawn_again() -> None:
    study, samplers = optuna.create_study(), Samplers(GAUSSIAN)
    for number in range(20):
        study.sampler = samplers(1, number, {})
        trial = study.ask()
        study.tell(trial, (trial.suggest_float("x", 0, 1) - 0.3) ** 2)
    asked = []
    for number in range(20, 26):
        study.sampler = samplers(1, number, {})
        asked.append(study.ask().suggest_float("x", 0, 1))
    gaps = np.diff(sorted(asked))
    assert gaps.min() > 1e-4


def _range_that_moves(trial: optuna.Trial) -> float:
    low = trial.suggest_int("low", 1, 3)
    return trial.suggest_float("x", low, low + 1) + trial.suggest_int("n", low, 4 + trial.number)


def _nothing(trial: optuna.Trial) -> float:
    return trial.number + trial.suggest_float("constant", 1, 1)


def _always_the_same(trial: optuna.Trial) -> float:
    return 1.0 + 0 * trial.suggest_float("x", 0, 1)


def _infinite(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    return x if x < 0.5 else float("inf")


def _one_choice_of_two(trial: optuna.Trial) -> float:
    return float(trial.suggest_categorical("x", (False, True)))


@pytest.mark.parametrize(
    "objective",
    [
        *(_range_that_moves, _nothing, _always_the_same, _infinite),
        _one_choice_of_two,
    ],
)
def test_odd_spaces_and_scores_are_searched(objective: Callable[[optuna.Trial], float]) -> None:
    study, samplers = optuna.create_study(), Samplers(GAUSSIAN)
    for number in range(18):
        study.sampler = samplers(1, number, {})
        trial = study.ask()
        study.tell(trial, objective(trial))
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        *((one, BayesianSampler) for one in (COOLING, THRIFTY, GAUSSIAN)),
        *((older, RememberingTPESampler) for older in (ONE_BY_ONE, "", None)),
    ],
)
def test_a_study_keeps_the_sampler_it_was_begun_with(description: str | None, kind: type) -> None:
    assert type(Samplers(description)(0, 0, {})) is kind


def test_a_sampler_of_a_later_version_is_refused() -> None:
    with pytest.raises(StudyError, match="has no sampler 'Oracle'; continue the study with the"):
        Samplers("Oracle")


@pytest.mark.slow
def test_of_configurations_that_promise_the_same_it_tries_what_computes_less() -> None:
    """`dear` improves no score, but makes a training sixteen times as long."""

    def drawn(description: str, trials: int = 30) -> list[int]:
        study, samplers = optuna.create_study(), Samplers(description)
        for number in range(trials):
            study.sampler = samplers(1, number, {})
            trial = study.ask()
            x, dear = trial.suggest_float("x", 0, 1), trial.suggest_int("dear", 0, 4)
            pruned = number % 3 == 0
            share = 0.5 if pruned else 1.0  # of the training that was done
            trial.set_user_attr("work", 2.0**dear * share)
            trial.set_user_attr("hyperparameters", {"epochs": 10})
            trial.set_user_attr("curve", [[1, 10 * share, 0.0, 0.0, 0.0]])
            trial.report((x - 0.3) ** 2, 10)
            study.tell(
                trial,
                None if pruned else (x - 0.3) ** 2,
                TrialState.PRUNED if pruned else None,
            )
        assert min(abs(trial.params["x"] - 0.3) for trial in study.trials) < 0.02
        return [trial.params["dear"] for trial in study.trials]

    assert np.mean(drawn(THRIFTY)[15:]) < 0.5
    assert np.mean(drawn(GAUSSIAN)[15:]) > 1
    cooling = drawn(COOLING, 60)
    assert np.mean(cooling[12:22]) < np.mean(cooling[45:]) - 0.5


def test_what_a_training_computes_ceases_to_count() -> None:
    assert [thrift(COOLING, number) for number in (0, 10, 25, 40, 400)] == [1, 1, 0.5, 0, 0]
    assert {thrift(THRIFTY, number) for number in (0, 400)} == {1}
    assert {thrift(GAUSSIAN, number) for number in (0, 400)} == {0}


@pytest.mark.parametrize(
    ("state", "attributes", "work"),
    [
        (TrialState.COMPLETE, {}, 8.0),
        (TrialState.PRUNED, {}, 32.0),
        (TrialState.PRUNED, {"curve": [[9, 12.0, 0, 0, 0]]}, 8.0),
        (TrialState.PRUNED, {"curve": []}, None),
        (TrialState.COMPLETE, {"work": None}, None),
    ],
)
def test_what_a_whole_training_would_have_computed(
    state: TrialState, attributes: dict[str, Any], work: float | None
) -> None:
    known = {"work": 8.0, "hyperparameters": {"epochs": 12}, "curve": [[3, 3.0, 0, 0, 0]]}
    facts = {name: one for name, one in {**known, **attributes}.items() if one is not None}
    trial = optuna.trial.create_trial(
        state=state, value=1.0 if state == TrialState.COMPLETE else None, user_attrs=facts
    )
    assert whole_work(trial) == work
