"""The search space of a case: found by drawing from it, checked, and parsed from options."""

from __future__ import annotations

import warnings
from dataclasses import asdict, fields
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.study import create_study
from optuna.trial import FixedTrial

from tuner.case.assignments import Drawn, parse_assignments
from tuner.case.values import fault_of_value
from tuner.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution

    from tuner.case.contract import Case, Hyperparameters

DRAWS_TO_SEE_A_SPACE = 300
LATER = 1000  # an arbitrary number of a later trial
OUT_OF_RANGE = ".*is out of the range of the distribution"  # Optuna's warning


def space(case: Case) -> Mapping[str, BaseDistribution]:
    """Return the distributions that `case.suggest` draws from, including conditional ones.

    They are found by drawing, because Optuna's spaces are functions; a branch that is taken in less
    than one of a hundred draws can be missed. A range that depends on other values is joined over
    all draws.

    Raises:
        CaseError: `suggest` raises.
    """
    return _drawn(case)[0]


def remarks(case: Case, trials: int | None) -> list[str]:
    """Return remarks for a person on a search space before it is searched.

    Args:
        trials: number asked for; None for as many as are worth it.

    Raises:
        CaseError: `suggest` raises.
    """
    distributions, warned = _drawn(case)
    count = configurations(distributions)
    if count == 1:
        return [*warned, "The search space has 1 configuration: there is nothing to choose."]
    if count is not None and trials is not None and count < trials:
        return [
            *warned,
            f"The search space has at most {count} configurations, so some of the {trials} trials "
            "train the same one again.",
        ]
    return list(warned)


def configurations(distributions: Mapping[str, BaseDistribution]) -> int | None:
    """Return the largest number of configurations in a space; None if it cannot be counted."""
    count = 1
    for one in distributions.values():
        if isinstance(one, CategoricalDistribution):
            count *= len(one.choices)
        elif isinstance(one, IntDistribution):
            count *= (one.high - one.low) // one.step + 1
        elif isinstance(one, FloatDistribution) and one.low < one.high:
            if one.step is None:
                return None
            count *= round((one.high - one.low) / one.step) + 1
    return count


@lru_cache
def _drawn(case: Case) -> tuple[Mapping[str, BaseDistribution], tuple[str, ...]]:
    """Draw from a space; return its distributions, and Optuna's warnings without repetitions."""
    study = create_study(sampler=RandomSampler(seed=0))
    found: dict[str, BaseDistribution] = {}
    warned: dict[str, None] = {}
    for _ in range(DRAWS_TO_SEE_A_SPACE):
        trial = study.ask()
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                case.suggest(trial)
        except Exception as error:
            raise CaseError(f"case {case.name!r}: suggest fails: {case.blame(error)}") from error
        warned |= {str(one.message): None for one in caught}
    for drawn in study.get_trials(deepcopy=False):
        for name, distribution in drawn.distributions.items():
            found[name] = joined(found.get(name, distribution), distribution)
    return MappingProxyType(dict(sorted(found.items()))), tuple(warned)


def joined(one: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    """Return a range that contains both, for a range that depends on other values."""
    if one == other or type(one) is not type(other) or isinstance(one, CategoricalDistribution):
        return other
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        low, high = min(one.low, other.low), max(one.high, other.high)
        even = one.step == other.step and (one.low - other.low) % one.step == 0
        return IntDistribution(low, high, log=one.log and other.log, step=one.step if even else 1)
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution):
        least, most = min(one.low, other.low), max(one.high, other.high)
        same = one.step == other.step and one.low == other.low
        return FloatDistribution(
            least, most, log=one.log and other.log, step=one.step if same else None
        )
    return other


def check_arms(case: Case) -> None:
    """Check that baseline, recipe and the case's own guesses are inside the search space.

    Raises:
        CaseError: `suggest` raises an exception, or does not return the same values.
    """
    for arm in ("baseline", "recipe"):
        check_inside(case, getattr(case, arm), f"its {arm}")
    for place, guess in enumerate(case.guesses or ()):
        check_inside(case, guess, f"guesses[{place}]")


def check_inside(case: Case, hyperparameters: Hyperparameters, what: str) -> None:
    """Check that these hyperparameters are inside the search space of a case.

    Args:
        what: their name, for the message.

    Raises:
        CaseError: `suggest` raises an exception, or does not return the same values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=OUT_OF_RANGE)
            got = case.suggest(FixedTrial(asdict(hyperparameters)))
    except Exception as error:
        own = [field.name for field in fields(hyperparameters)]
        if unknown := [name for name in space(case) if name not in own]:
            names, kind = ", ".join(unknown), type(hyperparameters).__name__
            raise CaseError(
                f"case {case.name!r}: suggest draws {names}, which {kind} has no field for. Add a "
                f"field of that name to {kind} for each, with the baseline's value"
            ) from error
        raise CaseError(
            f"case {case.name!r}: {what} is outside its search space, or suggest fails: "
            f"{case.blame(error)}"
        ) from error
    if type(got) is not type(hyperparameters):
        raise CaseError(
            f"case {case.name!r}: suggest returns {type(got).__name__}; it has to return "
            f"{type(hyperparameters).__name__}, as {what} is"
        )
    given, wanted = asdict(got), asdict(hyperparameters)
    for name, value in given.items():
        if fault := fault_of_value(name, value):
            raise CaseError(f"case {case.name!r}: suggest returns what cannot be kept: {fault}")
    wrong = [name for name in wanted if repr(given[name]) != repr(wanted[name])]
    if got != hyperparameters and wrong:
        listed = ", ".join(f"{name} {given[name]!r} in place of {wanted[name]!r}" for name in wrong)
        raise CaseError(
            f"case {case.name!r}: suggest does not return {what}: it returns {listed}. Each "
            "field that suggest draws has to be returned as drawn, under its own name, and "
            "drawn once; a field that it does not draw has to have the same value in baseline "
            "and recipe"
        )
    if not _depends_on_values_alone(case, hyperparameters):
        raise CaseError(
            f"case {case.name!r}: for a later trial with the values of {what}, suggest returns "
            "other hyperparameters. Compute them only from what it draws, without the number of "
            "the trial, random numbers or a counter"
        )


def _depends_on_values_alone(case: Case, hyperparameters: Hyperparameters) -> bool:
    """Whether `suggest` returns the same values in a later trial."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            later = case.suggest(FixedTrial(asdict(hyperparameters), number=LATER))
        except Exception:
            return False
    return bool(later == hyperparameters) or repr(later) == repr(hyperparameters)


def parse_fixed(case: Case, assignments: Sequence[str], option: str = "--fix") -> dict[str, Any]:
    """Read NAME=VALUE pairs as values of the search space.

    Raises:
        UsageError: there is no such hyperparameter, or it cannot have such a value.
    """
    drawn = {name: drawn_by(one) for name, one in space(case).items()} if assignments else {}
    return parse_assignments(drawn, assignments, option)


def drawn_by(distribution: BaseDistribution) -> Drawn:
    """Return the values that a distribution of Optuna's can have."""
    if isinstance(distribution, CategoricalDistribution):
        return Drawn(choices=distribution.choices)
    whole = isinstance(distribution, IntDistribution)
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    return Drawn(None, low, high, distribution.step, whole)  # type: ignore[attr-defined]
