"""The contract of a case, tested on every shipped case and on one of a user."""

from __future__ import annotations

import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial

from tests.made_up import CASES, SHAPES, made_up
from tests.making import TINY
from tests.sampling import one_in
from tuner.case.contract import Case, Shape
from tuner.case.loading import case_names, load_case
from tuner.case.space import check_arms, space
from tuner.data.sources.folders import Folders
from tuner.errors import CaseError, UsageError
from tuner.training.fitting import fit
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.data.dataset import Dataset

EVERY_SPACE = {
    "dropout", "weight_decay", "depth", "batch_norm", "step_lr", "step_size", "gamma",
    "learning_rate", "batch_size", "width",
}  # fmt: skip
IMAGES = {"augmentation", "head"}


def corners(case: Case) -> Iterator[Any]:
    """Yield the recipe with each hyperparameter at both ends of its range, or at each choice."""
    found = space(case)
    recipe = asdict(case.recipe)
    for name, distribution in found.items():  # a conditional hyperparameter may be out of range
        if not distribution._contains(distribution.to_internal_repr(recipe[name])):
            recipe[name] = ends(distribution)[0]
    for name, distribution in found.items():
        for value in ends(distribution):
            changed = {**recipe, name: value}
            if name in {"step_size", "gamma"}:
                changed["step_lr"] = True
            if name == "one_cycle":
                changed["step_lr"] = False
            if name == "patience":
                changed["early_stopping"] = True
            if name == "taper":
                changed["depth"] = 2
            if name == "convolutions":  # the widest have one
                changed["width"] = ends(found["width"])[0]
            yield case.suggest(FixedTrial(changed))


def ends(distribution: BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    return distribution.low, distribution.high  # type: ignore[attr-defined]


def train_a_step(case: Case, hyperparameters: Any, data: Dataset) -> None:
    """One forward and backward pass, in the precision that is used for this kind of data."""
    torch.manual_seed(0)
    model = case.build(hyperparameters, Shape(data.row_shape, data.outputs))
    rows = data.development.features.float()[:3]
    if case.augment is not None:
        rows = case.augment(rows / 255, hyperparameters, torch.Generator().manual_seed(0))
        assert rows.shape == (3, *data.row_shape)
    outputs = model(rows)
    assert outputs.shape == (3, data.outputs)
    outputs.square().sum().backward()
    gradients = [p.grad for p in model.parameters()]
    assert all(g is not None and bool(g.isfinite().all()) for g in gradients)
    model.eval()
    assert model(rows[:1]).shape == (1, data.outputs)


@pytest.mark.parametrize("reference", CASES)
def test_baseline_and_recipe_are_in_the_space(reference: str) -> None:
    case = load_case(reference)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert case.suggest(FixedTrial(asdict(case.baseline))) == case.baseline
        assert case.suggest(FixedTrial(asdict(case.recipe))) == case.recipe
    assert type(case.baseline)() == case.baseline
    assert case.recipe != case.baseline
    check_arms(case)


@pytest.mark.parametrize("reference", case_names())
def test_the_space_covers_what_every_space_has_to(reference: str) -> None:
    case = load_case(reference)
    wanted = EVERY_SPACE | (IMAGES if len(SHAPES[reference]) == 3 else set())
    wanted |= {"epochs"} if reference == "flowers" else set()
    assert wanted <= space(case).keys()
    assert case.name == reference
    assert space(case)["batch_norm"] == CategoricalDistribution((False, True))


@pytest.mark.parametrize("reference", one_in(3, [*CASES[1:], CASES[0]]))
def test_every_corner_of_the_space_builds_and_trains_a_step(reference: str) -> None:
    case, data = load_case(reference), made_up(reference)
    tried = 0
    for hyperparameters in corners(case):
        if not getattr(hyperparameters, "breaks", False):
            train_a_step(case, hyperparameters, data)
            tried += 1
    assert tried >= 2 * len(space(case)) - 2


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), reference=st.sampled_from(CASES))
def test_a_finished_trial_replays_its_hyperparameters(seed: int, reference: str) -> None:
    case = load_case(reference)
    study = optuna.create_study(sampler=RandomSampler(seed=seed))
    trial = study.ask()
    drawn = case.suggest(trial)
    frozen = study.tell(trial, 0.0)
    assert case.suggest(frozen) == drawn
    assert case.hyperparameters(asdict(drawn)) == drawn
    assert case.suggest(FixedTrial(asdict(drawn))) == drawn


@pytest.mark.parametrize("reference", one_in(2, reversed(CASES)))
def test_the_same_seed_gives_the_same_curve(reference: str) -> None:
    case, data = load_case(reference), made_up(reference)
    from tuner.data.splits import folds

    parts = folds(data.development, data.validation, 0)
    short = replace(case.recipe, epochs=2)
    curves = [list(fit(case, short, data, parts, seed, Plan())) for seed in (3, 3, 4)]
    assert curves[0] == curves[1]
    assert curves[0] != curves[2]


def test_the_folder_is_the_registry() -> None:
    assert case_names() == ["flowers", "housing", "mnist"]


def test_an_unknown_case_is_met_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no case 'flower'; did you mean 'flowers'"):
        load_case("flower")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "defines no CASE"),
        ("raise RuntimeError('oh')\nCASE = 3", "RuntimeError: oh"),
        ("def (", "SyntaxError"),
        ("CASE = 3", "defines no CASE"),
    ],
)
def test_a_file_that_is_not_a_case_says_so(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(CaseError, match=message):
        load_case(str(path))


def test_a_case_file_that_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="no case file"):
        load_case(str(tmp_path / "none.py"))


def test_hyperparameters_of_another_version_are_refused() -> None:
    case = load_case(TINY)
    values = asdict(case.baseline)
    del values["breaks"]
    with pytest.raises(CaseError, match="differ in breaks"):
        case.hyperparameters(values)
    with pytest.raises(CaseError, match="differ in later"):
        load_case("housing").hyperparameters({**asdict(load_case("housing").baseline), "later": 1})


def test_what_tuner_has_added_since_is_as_it_was_before() -> None:
    """A bundle of pictures that is older than the hyperparameter `closer` can still be used."""
    case = load_case("flowers")
    bold = replace(case.baseline, closer=True, width=24)
    values = asdict(bold)
    del values["closer"]
    before = replace(case, baseline=bold).hyperparameters(values)
    assert before == replace(bold, closer=False)


BREAKS = {
    "load fails: line {line}: ZeroDivisionError: division by zero": ("    del folders\n", "1 / 0"),
    "load returned NoneType; it has to return": ("    del folders\n", "return None"),
    "its task is regression, and its data, with 2 class names": (
        '    task="classification",\n',
        'task="regression",',
    ),
}


@pytest.mark.parametrize("says", BREAKS)
def test_data_that_does_not_fit_the_case_is_refused(says: str, tmp_path: Path) -> None:
    instead_of, written = BREAKS[says]
    source, path = Path(TINY).read_text(), tmp_path / "broken.py"
    indent = " " * (len(instead_of) - len(instead_of.lstrip()))
    path.write_text(source.replace(instead_of, f"{indent}{written}\n"))
    line = source[: source.index(instead_of)].count("\n") + 1
    with pytest.raises(CaseError, match=says.format(line=line)):
        load_case(str(path)).dataset(Folders())


def test_a_broken_search_space_says_where(tmp_path: Path) -> None:
    source, path = Path(TINY).read_text(), tmp_path / "broken.py"
    drawn = '        width=trial.suggest_int("width", 2, 8),\n'
    path.write_text(source.replace(drawn, '        width=trial.suggest_int("width"),\n'))
    line = source[: source.index(drawn)].count("\n") + 1
    for check in (check_arms, space):
        with pytest.raises(CaseError, match=f"suggest fails: line {line}: TypeError: .*'high'"):
            check(load_case(str(path)))


def test_a_baseline_outside_the_space_is_refused() -> None:
    case = load_case("housing")
    with pytest.raises(CaseError, match="its baseline is outside its search space"):
        check_arms(replace(case, baseline=replace(case.baseline, width=100_000)))
