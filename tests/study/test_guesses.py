"""Guesses: how they are made, when they are queued, and what a bad one costs."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import torch
from optuna.trial import FixedTrial, TrialState

from tests.made_up import made_up
from tests.making import TINY, InterruptsAt, history, make_brief, open_as_command, search
from tests.sampling import one_in
from tests.study.guessing import OwnHyperparameters, own_case, suggest_own, with_guesses
from tuner import (
    Case,
    CNNHyperparameters,
    Examples,
    Hyperparameters,
    KFold,
    MLPHyperparameters,
    make_dataset,
)
from tuner.case.loading import load_case
from tuner.case.space import space
from tuner.errors import CaseError
from tuner.evidence.trials.repetition import missing_trials
from tuner.models.priors import optimizer_for, priors_for
from tuner.models.priors.kinds import Around, Near, Share, Upper
from tuner.models.priors.situation import Situation
from tuner.study.guess import Guess, GuessSampler
from tuner.study.guesses import DRAWS, priors_of
from tuner.study.samplers import SAMPLERS
from tuner.study.schema import FACTS, GUESS
from tuner.study.store import load_study
from tuner.study.trials import guesses_before

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from optuna.trial import BaseTrial

    from tuner import Dataset
    from tuner.study.configuration import StudyConfig

SEEN = Situation(rows=48, classes=2, features=2, side=None, optimizer="adamw")


def suggest_own_without_rate(trial: BaseTrial) -> OwnHyperparameters:
    return OwnHyperparameters(heads=trial.suggest_int("heads", 1, 8))


@pytest.mark.parametrize(
    "reference",
    [
        "housing",
        TINY,
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("mnist", "flowers")),
    ],
)
def test_guesses_are_inside_every_space_and_the_first_is_the_likeliest(
    reference: str, tmp_path: Path
) -> None:
    config = with_guesses(make_brief(reference, tmp_path), None)
    found = config.guessed()
    assert len(found) == (1 + DRAWS if config.case.task == "classification" else 1)
    assert len({repr(one) for one in found}) == len(found)
    for params in found:
        made = config.case.suggest(FixedTrial(params))
        drawn = space(config.case)
        assert params.keys() <= drawn.keys()
        assert config.case.suggest(FixedTrial(asdict(made))) == made
    muon = reference in ("mnist", "flowers")
    assert (found[0].get("optimizer") == "muon") == muon
    assert found[0]["learning_rate"] == (6e-3 if muon else 3e-3)
    assert config.guessed() == found
    assert replace(config, seed=1).guessed()[:1] == found[:1]
    if len(found) > 1:
        assert replace(config, seed=1).guessed()[1:] != found[1:]


def test_what_is_unknown_has_the_baselines_value(config: StudyConfig) -> None:
    for params in with_guesses(config, None).guessed():
        assert params["breaks"] is False  # no prior has that name


def test_what_is_fixed_is_fixed_in_guesses(config: StudyConfig) -> None:
    own = config.case.baseline
    for guesses in (None, [replace(own, width=5), replace(own, width=6, dropout=0.5)]):
        fixed = {"width": 3, "step_lr": True}
        found = replace(with_guesses(config, guesses), fixed=fixed).guessed()
        assert found
        assert all(one["width"] == 3 for one in found)
        assert all(one["step_lr"] and "step_size" in one for one in found)


def test_a_cases_own_guesses_come_first(config: StudyConfig) -> None:
    own = config.case.baseline
    one, two = replace(own, width=5), replace(own, width=6, step_lr=True, step_size=2)
    found = with_guesses(config, [one]).guessed()
    assert len(found) == 1 + DRAWS
    assert config.case.suggest(FixedTrial(found[0])) == one
    found = with_guesses(config, [one, two]).guessed()
    assert [config.case.suggest(FixedTrial(params)) for params in found] == [one, two]
    assert with_guesses(config, ()).guessed() == []
    # The baseline is a trial already.
    assert [one["width"] for one in with_guesses(config, [own, one]).guessed()] == [5]


def test_of_an_unknown_model_one_guess_is_made_if_its_learning_rate_is_searched(
    config: StudyConfig,
) -> None:
    (found,) = own_case(config, suggest_own).guessed()
    assert found == {"heads": 2, "learning_rate": 1e-3, "step_lr": False, "one_cycle": True}
    assert own_case(config, suggest_own_without_rate).guessed() == []
    own = own_case(config, suggest_own, optimizer=lambda model, *_: torch.optim.SGD(model, 0.1))
    assert own.guessed() == [], "nobody knows what its learning rate means"


def test_a_guess_that_the_case_refuses_is_left_out(config: StudyConfig) -> None:
    def suggest(trial: BaseTrial) -> OwnHyperparameters:
        made = suggest_own(trial)
        if made.learning_rate == 1e-3:
            raise ValueError("not today")
        return made

    assert own_case(config, suggest).guessed() == []


@pytest.mark.parametrize(
    ("guesses", "message"),
    [
        ({"width": 3}, r"guesses is \{'width': 3\}; write a list of configurations"),
        (MLPHyperparameters(), "write a list of configurations"),
        ([MLPHyperparameters()], r"guesses\[0\] is MLPHyper.* has to be a TinyHyperparameters"),
        ([{"width": 3}], r"guesses\[0\] is \{'width': 3\}; it has to be a TinyHyperparameters"),
    ],
)
def test_guesses_that_are_none_are_refused(config: StudyConfig, guesses: Any, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        with_guesses(config, guesses)


def test_a_guess_outside_the_space_is_refused(config: StudyConfig, url: str) -> None:
    outside = replace(config.case.baseline, width=99)
    with pytest.raises(CaseError, match=r"guesses\[0\] is outside its search space"):
        open_as_command(url, "study", with_guesses(config, [outside]))


def test_guesses_are_queued_once_and_kept(config: StudyConfig, url: str) -> None:
    config = with_guesses(config, None)
    study, _ = open_as_command(url, "study", config)
    assert [t.user_attrs.get(GUESS) for t in study.trials] == [None, None, 0, 1, 2, 3, 4]
    kept = study.user_attrs[FACTS]["guesses"]
    assert [t.system_attrs["fixed_params"] for t in study.trials[2:]] == kept
    again, _ = open_as_command(url, "study", config)
    assert len(again.trials) == 7


def test_guesses_that_an_interrupt_kept_from_the_queue_are_queued_as_they_were(
    config: StudyConfig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_guesses(config, None)
    queued = optuna.Study.enqueue_trial
    left = iter(range(4))

    def interrupted(study: optuna.Study, *args: Any, **options: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        queued(study, *args, **options)

    monkeypatch.setattr(optuna.Study, "enqueue_trial", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_as_command(url, "study", config)
    monkeypatch.undo()
    assert len(load_study(url, "study").trials) == 4
    study, _ = open_as_command(url, "study", config)
    assert [t.user_attrs.get(GUESS) for t in study.trials] == [None, None, 0, 1, 2, 3, 4]


def test_a_study_made_before_there_were_guesses_gets_none(config: StudyConfig, url: str) -> None:
    study, _ = open_as_command(url, "study", with_guesses(config, ()))
    facts = dict(study.user_attrs[FACTS])
    del facts["guesses"]
    study.set_user_attr(FACTS, facts)
    again = search(url, with_guesses(config, None), 3)
    assert len(again.trials) == 3
    assert not any(GUESS in trial.user_attrs for trial in again.trials)


@pytest.mark.parametrize("total", [2, 4, 7])
def test_fewer_trials_than_guesses_are_enough(config: StudyConfig, url: str, total: int) -> None:
    study = search(url, with_guesses(config, None), total)
    ended = [trial for trial in study.trials if trial.state.is_finished()]
    assert len(ended) == total
    assert all(GUESS in trial.user_attrs for trial in ended[2:])
    assert len(study.trials) == 7
    assert missing_trials(study) == [], "guesses that were not tried are not missing"


@pytest.mark.slow
def test_an_interrupted_search_with_guesses_repeats(config: StudyConfig, url: str) -> None:
    config = with_guesses(config, None)
    whole = search(url, config, 9, name="whole")
    with pytest.raises(KeyboardInterrupt):
        search(url, config, 9, observer=InterruptsAt(12))
    again = search(url, config, 9)
    assert history(again) == history(whole)


def test_guesses_are_never_given_up(config: StudyConfig, url: str) -> None:
    """They run to their end, however bad; the same rule would prune other trials."""
    own = config.case.baseline
    bad = [replace(own, learning_rate=1e-4, epochs=6, width=2 + place) for place in range(6)]
    study = search(url, with_guesses(config, bad), 8)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}


@pytest.mark.parametrize(
    "absurd", one_in(2, [{"learning_rate": 1.0, "dropout": 0.5}, {"breaks": True}])
)
@pytest.mark.slow
def test_an_absurd_guess_costs_its_own_trial_and_no_more(
    config: StudyConfig, url: str, absurd: Mapping[str, Any]
) -> None:
    """The random draws are the same, number and values, whether it is trained or fails."""
    without = search(url, with_guesses(config, ()), 10, name="without")
    guess = replace(config.case.baseline, width=2, **absurd)
    other = replace(guess, width=3)
    study = search(url, with_guesses(config, [guess, other]), 12)
    assert [t.params for t in study.trials[4:]] == [t.params for t in without.trials[2:]]
    assert guesses_before(study, 4) == 2


PICTURES = ("adam", "adamw", "muon")


@pytest.mark.parametrize(
    ("baseline", "choices", "best"),
    [
        (CNNHyperparameters(), PICTURES, "muon"),
        (CNNHyperparameters(), ("adam", "adamw"), "adamw"),
        (CNNHyperparameters(), ("adam", "sgd"), None),
        (MLPHyperparameters(), PICTURES, "adamw"),
        (OwnHyperparameters(), PICTURES, "adamw"),
    ],
)
def test_the_optimizer_of_a_guess(
    baseline: Hyperparameters, choices: tuple[str, ...], best: str | None
) -> None:
    assert optimizer_for(baseline, choices) == best


@pytest.mark.parametrize(
    ("fixed", "rate", "decay"),
    [
        ({}, 6e-3, 5e-2),
        ({"optimizer": "muon"}, 6e-3, 5e-2),
        ({"optimizer": "adamw"}, 3e-3, 5e-2),
        ({"optimizer": "adam"}, 3e-3, 5e-4),
    ],
    ids=repr,
)
def test_the_rate_of_a_guess_is_that_of_its_optimizer(
    fixed: dict[str, Any], rate: float, decay: float
) -> None:
    case = load_case("flowers")
    known = priors_of(case, made_up("flowers"), 0, fixed)
    assert known["learning_rate"].centre(0, 1) == pytest.approx(rate)
    assert known["weight_decay"].centre(0, 1) == pytest.approx(decay)
    params = Guess(asdict(case.baseline), known).replayed(case, 0, fixed).params
    assert params["optimizer"] == fixed.get("optimizer", "muon")
    assert params["learning_rate"] == pytest.approx(rate)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_search_learns_as_early_with_guesses_as_without(sampler: str) -> None:
    """A sampler learns after ten random draws; guesses do not count as these."""
    from tuner.search.sampler import Samplers

    def draws(startup: int) -> list[float]:
        study, made, samplers = optuna.create_study(), [], Samplers(sampler)
        for number in range(12):
            study.sampler = samplers(0, number, {}, startup)
            trial = study.ask()
            made.append(trial.suggest_float("x", 0.0, 1.0))
            study.tell(trial, made[-1])
        return made

    ten, fifteen = draws(10), draws(15)
    assert ten[:10] == fifteen[:10]
    assert ten[10:] != fifteen[10:]


@pytest.mark.parametrize(
    ("prior", "drawn", "best"),
    [
        (Near(2.0, 1.0), optuna.distributions.FloatDistribution(0, 5), 2.0),
        (Near(9.0, 1.0), optuna.distributions.FloatDistribution(0, 5), 5.0),
        (Near(3.1, 1.0), optuna.distributions.FloatDistribution(0, 5, step=0.5), 3.0),
        (Around(64, 1.6), optuna.distributions.IntDistribution(16, 32, step=8), 32),
        (Around(3e-3, 2), optuna.distributions.FloatDistribution(1e-4, 1, log=True), 3e-3),
        (Around(1e-2, 4), optuna.distributions.CategoricalDistribution([0.0, 1e-4, 5e-3]), 5e-3),
        (Around(9, 2), optuna.distributions.CategoricalDistribution([4, 8, 32]), 8),
        (Upper(), optuna.distributions.IntDistribution(10, 110, step=5), 85),
        (Upper(most=30), optuna.distributions.IntDistribution(10, 110), 30),
        (Upper(), optuna.distributions.IntDistribution(0, 99_999, step=3), 75_000),
        (Share({True: 0.9, False: 0.1}), optuna.distributions.CategoricalDistribution([0, 1]), 7),
        (Share({"a": 1.0}), optuna.distributions.CategoricalDistribution(["b", "a"]), "a"),
        (Near(1.0, 1.0), optuna.distributions.CategoricalDistribution(["b", "a"]), 7),
    ],
)
def test_the_likeliest_value_is_inside_the_range(
    prior: Any, drawn: optuna.distributions.BaseDistribution, best: Any
) -> None:
    """If a prior has no value in a range, the baseline's value is used: 7, or the nearest one."""
    study = optuna.create_study()
    ask = {"x": drawn}
    study.sampler = GuessSampler({}, {"x": 7}, {"x": prior})
    (found,) = study.ask(ask).params.values()
    if best == 7:
        assert found == drawn.choices[0]  # type: ignore[attr-defined]
    else:
        assert found == best
        assert type(found) is type(best)
    values = []
    for seed in range(40):
        study.sampler = GuessSampler({}, {"x": 7}, {"x": prior}, seed)
        values.append(study.ask(ask).params["x"])
    assert all(drawn._contains(drawn.to_internal_repr(value)) for value in values)


def test_a_prior_speaks_of_how_the_decay_is_meant() -> None:
    """AdamW's weight decay is larger than one in the loss, for every family."""
    for baseline in (MLPHyperparameters(), OwnHyperparameters()):
        apart, together = (
            priors_for(baseline, replace(SEEN, optimizer=optimizer))["weight_decay"].centre(0, 1)
            for optimizer in ("adamw", "adam")
        )
        assert apart is not None
        assert together is not None
        assert apart > together


@pytest.mark.parametrize("rows", [80, 1_000, 50_000])
def test_batches_grow_with_rows(rows: int) -> None:
    priors = priors_for(MLPHyperparameters(), replace(SEEN, rows=rows))
    centre = priors["batch_size"].centre(0, math.inf)
    assert centre == pytest.approx(2 * math.sqrt(rows))


@pytest.mark.slow
def test_a_new_case_of_images_is_guessed_by_its_size(tmp_path: Path) -> None:
    from tuner.own.images.space import Scale

    small, large = (images(side) for side in (16, 64))
    depths = []
    for data in (small, large):
        scale = Scale.of(data)
        case = Case(
            name="squares",
            task="classification",
            baseline=scale.baseline,
            recipe=scale.recipe,
            suggest=scale.suggest,
            load=lambda _: small,
            build=lambda *_: torch.nn.Identity(),
        )
        brief = replace(make_brief("flowers", tmp_path), case=case, dataset=data)
        depths.append(brief.guessed()[0]["depth"])
    assert depths == [2, 4]


def images(side: int) -> Dataset:
    from tuner import PixelStatistics

    rows = Examples(
        features=torch.randint(0, 255, (20, 3, side, side), dtype=torch.uint8),
        targets=torch.arange(20) % 2,
    )
    return make_dataset(
        name="squares",
        source="noise",
        development=rows,
        test=rows,
        validation=KFold(2),
        classes=("a", "b"),
        pixels=PixelStatistics(mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)),
    )


def test_a_loops_guesses_are_those_of_its_file(tmp_path: Path) -> None:
    from tuner.own.loops.file import read_loop

    file = tmp_path / "train.py"
    start = 'DIRECTION = "maximize"\ndef objective(trial): ...\n'
    file.write_text(start + 'GUESSES = [{"lr": 0.1}, made()]\n')
    with pytest.raises(CaseError, match="GUESSES is computed; write it out"):
        read_loop(f"{file}:objective")
    file.write_text(start + 'GUESSES = [{"lr": 0.1}, {"lr": 0.2, "width": 3}]\n')
    assert read_loop(f"{file}:objective").guesses == ({"lr": 0.1}, {"lr": 0.2, "width": 3})
    for wrong, message in (("3", "GUESSES is 3; it takes a list"), ("[3]", r"GUESSES\[0\] is 3")):
        file.write_text(start + f"GUESSES = {wrong}\n")
        with pytest.raises(CaseError, match=message):
            read_loop(f"{file}:objective")
