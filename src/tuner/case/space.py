"""The search space of a case: found by drawing from it, checked, and read from the command line."""

from __future__ import annotations

import ast
import warnings
from dataclasses import asdict
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.study import create_study
from optuna.trial import FixedTrial

from tuner.errors import CaseError, UsageError, unknown_name

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


def parse_fixed(case: Case, assignments: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs as values of the search space.

    Raises:
        UsageError: no such hyperparameter, or a value that it cannot take.
    """
    distributions = space(case) if assignments else {}
    fixed: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--fix {assignment} has no value; write --fix NAME=VALUE")
        if name in fixed:
            raise UsageError(f"--fix names {name} twice; give it one value")
        if name not in distributions:
            raise unknown_name("hyperparameter", "hyperparameters", name, distributions)
        fixed[name] = _parse(name, text, distributions[name])
    return fixed


def _parse(name: str, text: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        for choice in distribution.choices:
            if text in (str(choice), str(choice).lower()) or _literal(text) == choice:
                return choice
        choices = ", ".join(map(str, distribution.choices))
        raise UsageError(f"--fix {name}={text} is none of its choices: {choices}")
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    value = _literal(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"--fix {name}={text} is no number; it takes {low} to {high}")
    if isinstance(distribution, IntDistribution) and not isinstance(value, int):
        raise UsageError(f"--fix {name}={text} is no whole number; it takes {low} to {high}")
    if not (low <= value <= high and distribution._contains(float(value))):
        step = getattr(distribution, "step", None)
        steps = f" in steps of {step}" if step not in (None, 1) else ""
        raise UsageError(f"--fix {name}={text} is out of range; it takes {low} to {high}{steps}")
    return value if isinstance(distribution, IntDistribution) else float(value)


def _literal(text: str) -> object:
    """Read a Python literal; what is none is a plain word."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, of what looks like a slip in a program
            value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value
