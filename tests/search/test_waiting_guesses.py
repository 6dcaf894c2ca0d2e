"""Waiting guesses follow the limits of a run, and return to the original without them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from tests.making import TINY, make_brief, open_as_command
from tests.study.guessing import with_guesses
from tuner.engines.inprocess import InProcessEngine
from tuner.search.bayesian import QUEUED
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.search.waiting_guesses import fit_guesses
from tuner.study.limits import Limits
from tuner.study.schema import FACTS, HYPERPARAMETERS, TAKEN
from tuner.study.store import facts_of
from tuner.study.trials import is_new_guess
from tuner.unpromised.by_optuna import storage_of

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.study.configuration import StudyConfig

TIGHT = Limits(cost=0.5)


@pytest.fixture
def config(tmp_path: Path) -> StudyConfig:
    return with_guesses(make_brief(TINY, tmp_path, breaks=False), None)


def guessed(study: optuna.Study) -> list[dict[str, Any]]:
    """Return the waiting guesses."""
    return [t.system_attrs[QUEUED] for t in filter(is_new_guess, study.get_trials())]


@pytest.mark.slow
def test_they_are_fitted_to_the_limits_of_each_run(config: StudyConfig, url: str) -> None:
    study, config = open_as_command(url, "tiny", config)
    free, said = guessed(study), list[str]()
    fit_guesses(study, config, said.append)
    assert guessed(study) == free == facts_of(study)["guesses"]
    assert said == []
    tight = replace(config, limits=TIGHT)
    for _ in range(2):
        fit_guesses(study, tight, said.append)
    small = guessed(study)
    assert len(small) == len(free)
    changed = [f"{name}={small[0][name]}" for name in free[0] if free[0][name] != small[0][name]]
    (line,) = said
    assert line.endswith(f"the first of these has {', '.join(changed)}.")
    fit_guesses(study, replace(config, limits=Limits(cost=0.55)), said.append)
    assert guessed(study) not in (free, small)
    fit_guesses(study, config, said.append)
    assert guessed(study) == free == facts_of(study)["guesses"]


@pytest.mark.slow
@pytest.mark.parametrize("writes", range(6))
def test_killed_in_between_they_become_the_same(
    writes: int, config: StudyConfig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, config = open_as_command(url, "tiny", config)
    tight, left = replace(config, limits=TIGHT), iter(range(writes))
    fit_guesses(made, tight, print)
    other, _ = open_as_command(url, "other", config)
    storage = storage_of(other)
    write = storage.set_trial_system_attr

    def killed(trial: int, key: str, value: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(trial, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "set_trial_system_attr", killed)
        try:
            fit_guesses(other, tight, print)
        except KeyboardInterrupt:
            assert guessed(other) != guessed(made)
    fit_guesses(other, tight, print)
    assert guessed(other) == guessed(made)


@pytest.mark.slow
def test_what_has_begun_stays_and_the_search_sees_the_rest(config: StudyConfig, url: str) -> None:
    study, config = open_as_command(url, "tiny", config)
    Coordinator(Mirror(study), config, InProcessEngine()).search(4)
    before, mirror, tight = study.get_trials(), Mirror(study), replace(config, limits=TIGHT)
    fit_guesses(mirror.study, tight, print)
    after = study.get_trials()
    assert [(t.state, t.params) for t in after] == [(t.state, t.params) for t in before]
    assert guessed(mirror.study) == guessed(study)
    assert guessed(study) != [t.system_attrs[QUEUED] for t in before[4:]]
    assert len(guessed(study)) == len(facts_of(study)["guesses"]) - 2
    Coordinator(mirror, tight, InProcessEngine()).search(5)
    trained = study.get_trials()[4]
    assert {**trained.params, "breaks": False} == {**after[4].system_attrs[QUEUED], "breaks": False}


@pytest.mark.parametrize("rule", [None, True])
def test_a_study_that_was_begun_before_keeps_its_own(
    rule: bool | None, config: StudyConfig, url: str
) -> None:
    study, config = open_as_command(url, "tiny", config)
    before = guessed(study)
    facts = facts_of(study)
    study.set_user_attr(FACTS, {**facts, "guesses_keep_limits": rule})
    fit_guesses(study, replace(config, limits=TIGHT), print)
    assert guessed(study) == before


@pytest.mark.slow
def test_what_a_parent_has_trained_is_not_trained_again(config: StudyConfig, url: str) -> None:
    study, config = open_as_command(url, "tiny", config)
    tight, free = replace(config, limits=TIGHT), guessed(study)
    fit_guesses(study, tight, print)
    small = guessed(study)
    fit_guesses(study, config, print)
    taken = {
        TAKEN: {"study": "parent", "trial": 2, "seed_of": 2},
        HYPERPARAMETERS: _made(config, small[0]),
    }
    study.add_trial(optuna.create_trial(value=0.5, user_attrs=taken))
    fit_guesses(study, tight, print)
    assert guessed(study) == [free[0], *small[1:]]


def _made(config: StudyConfig, params: dict[str, Any]) -> dict[str, Any]:
    return asdict(config.case.suggest(optuna.trial.FixedTrial(params)))
