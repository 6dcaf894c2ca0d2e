"""The search space of a case: found by drawing from it, checked, and read from the command line."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.study import create_study
from optuna.trial import FixedTrial

from tuner.case.assignments import Drawn, parse_assignments
from tuner.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution

    from tuner.case.contract import Case, Hyperparameters

DRAWS_TO_SEE_A_SPACE = 300


@lru_cache
def space(case: Case) -> Mapping[str, BaseDistribution]:
    """Return the distributions that `case.suggest` draws from, conditional ones included.

    Found by drawing, as Optuna's spaces are programs; a branch taken less than once in a hundred
    draws can be missed.

    Raises:
        CaseError: `suggest` raises.
    """
    study = create_study(sampler=RandomSampler(seed=0))
    found: dict[str, BaseDistribution] = {}
    for _ in range(DRAWS_TO_SEE_A_SPACE):
        trial = study.ask()
        try:
            case.suggest(trial)
        except Exception as error:
            raise CaseError(f"case {case.name!r}: suggest fails: {case.blame(error)}") from error
        found |= trial.distributions
    return MappingProxyType(dict(sorted(found.items())))


def check_arms(case: Case) -> None:
    """Check that baseline and recipe are inside the search space.

    Raises:
        CaseError: `suggest` raises, or does not give them back.
    """
    for arm in ("baseline", "recipe"):
        check_inside(case, getattr(case, arm), f"its {arm}")


def check_inside(case: Case, hyperparameters: Hyperparameters, what: str) -> None:
    """Check that the search space of a case can give these hyperparameters.

    Args:
        what: they are, for the message.

    Raises:
        CaseError: `suggest` raises, or does not give them back.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # how Optuna says that a value is out of range
            got = case.suggest(FixedTrial(asdict(hyperparameters)))
    except Exception as error:
        raise CaseError(
            f"case {case.name!r}: {what} is outside its search space, or suggest fails: "
            f"{case.blame(error)}"
        ) from error
    if got != hyperparameters:
        raise CaseError(
            f"case {case.name!r}: suggest gives {got} for {what}, which is {hyperparameters}; "
            "every field that suggest draws has to be returned as drawn"
        )


def parse_fixed(case: Case, assignments: Sequence[str], option: str = "--fix") -> dict[str, Any]:
    """Read NAME=VALUE pairs as values of the search space.

    Raises:
        UsageError: no such hyperparameter, or a value that it cannot take.
    """
    drawn = {name: drawn_by(one) for name, one in space(case).items()} if assignments else {}
    return parse_assignments(drawn, assignments, option)


def drawn_by(distribution: BaseDistribution) -> Drawn:
    """Return what a distribution of Optuna's can draw."""
    if isinstance(distribution, CategoricalDistribution):
        return Drawn(choices=distribution.choices)
    whole = isinstance(distribution, IntDistribution)
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    return Drawn(None, low, high, distribution.step, whole)  # type: ignore[attr-defined]
