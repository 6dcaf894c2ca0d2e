"""A guess: the most likely hyperparameters or a draw around them, as `suggest` returns them."""

from __future__ import annotations

import math
import warnings
from bisect import bisect
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import optuna

from tuner.case.assignments import is_number
from tuner.case.space import check_inside, drawn_by
from tuner.own.loops.trial import OneByOneSampler, middle
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from tuner.case.assignments import Drawn
    from tuner.case.contract import Case
    from tuner.models.priors.kinds import Prior

ATTEMPTS = 10  # to draw values that are allowed together
FINEST = 200  # steps into which a range is divided
LEAST = 1e-300  # weight, so that its logarithm is finite


class Replayed(NamedTuple):
    """The result of `suggest` for a guess; all empty if its values are not allowed together.

    Attributes:
        params: values that it has drawn.
        hyperparameters: values that it returns.
        ranges: distributions that it has drawn from.
    """

    params: dict[str, Any]
    hyperparameters: dict[str, Any]
    ranges: dict[str, BaseDistribution]


@dataclass(frozen=True, slots=True)
class Guess:
    """The definition of a guess.

    Attributes:
        values: by name; if a range lacks a value, the nearest one is taken.
        priors: by name; they take precedence over the values.
        draw: number of the draw; None for the most likely values.
    """

    values: Mapping[str, Any]
    priors: Mapping[str, Prior] = field(default_factory=dict)
    draw: int | None = None

    def replayed(self, case: Case, seed: int, fixed: Mapping[str, Any]) -> Replayed:
        """Run `suggest` with the values of the guess."""
        for attempt in range(1 if self.draw is None else ATTEMPTS):
            own = None if self.draw is None else derive(seed, Stream.GUESS, self.draw, attempt)
            sampler = GuessSampler(fixed, self.values, self.priors, own)
            trial = optuna.create_study(sampler=sampler).ask()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    made = case.suggest(trial)
                check_inside(case, made, "a guess")
            except Exception:  # noqa: S112 - a case may refuse values together, in its own way
                continue
            return Replayed(dict(trial.params), asdict(made), dict(trial.distributions))
        return Replayed({}, {}, {})


class GuessSampler(OneByOneSampler):
    """Returns the first of: the fixed value, the prior's, the given one, the middle of the range.

    Args:
        fixed, values, priors: by name.
        seed: of draws from the priors, with a random stream for each hyperparameter; None to take
            the most likely value.
    """

    def __init__(
        self,
        fixed: Mapping[str, Any],
        values: Mapping[str, Any],
        priors: Mapping[str, Prior],
        seed: int | None = None,
    ) -> None:
        self._fixed, self._values, self._priors, self._seed = fixed, values, priors, seed

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of one hyperparameter."""
        del study, trial
        drawn = drawn_by(param_distribution)
        if param_name in self._fixed and _has(drawn, self._fixed[param_name]):
            return self._fixed[param_name]
        prior = self._priors.get(param_name)
        likely = [] if prior is None else _weighed(prior, param_distribution, drawn)
        if sum(weight for _, weight in likely) > 0:
            values, weights = zip(*likely, strict=True)
            if self._seed is None:
                return values[weights.index(max(weights))]
            luck = np.random.default_rng(derive(self._seed, param_name)).random()
            sums = list(accumulate(weights))
            return values[bisect(sums, luck * sums[-1], hi=len(sums) - 1)]
        if param_name not in self._values:
            return middle(param_distribution)
        return nearest(param_distribution, drawn, self._values[param_name])


def _weighed(prior: Prior, distribution: BaseDistribution, drawn: Drawn) -> list[tuple[Any, float]]:
    """Return values of a range with their weights, including the most likely number."""
    low, high = _ends(drawn)
    if drawn.choices is not None:
        return [(one, prior.weight(one, low, high)) for one in drawn.choices]
    values = _grid(distribution, drawn)
    if (centre := prior.centre(drawn.low, drawn.high)) is not None:
        values.append(nearest(distribution, drawn, centre))
    return [(one, prior.weight(one, low, high)) for one in sorted(set(values))]


def _ends(drawn: Drawn) -> tuple[float, float]:
    """Return the lowest and highest number of a range or of choices; 0 if there are none."""
    if drawn.choices is None:
        return drawn.low, drawn.high
    numbers = [one for one in drawn.choices if isinstance(one, int | float)]
    return (min(numbers), max(numbers)) if numbers else (0.0, 0.0)


def _grid(distribution: BaseDistribution, drawn: Drawn) -> list[Any]:
    """Return the values of a range, or many that are spread over it."""
    low, high, step = drawn.low, drawn.high, drawn.step
    if step and (high - low) / step <= FINEST:
        count = math.floor((high - low) / step + 1e-9) + 1
        values = [low + place * step for place in range(count)]
    elif getattr(distribution, "log", False):
        values = [low * (high / low) ** (place / FINEST) for place in range(FINEST + 1)]
    else:
        values = [low + (high - low) * place / FINEST for place in range(FINEST + 1)]
    return [nearest(distribution, drawn, float(f"{value:.4g}")) for value in values]


def nearest(distribution: BaseDistribution, drawn: Drawn, value: Any) -> Any:
    """Return the value of a range, or the choice, that is nearest to a value."""
    if drawn.choices is not None:
        known = [one for one in drawn.choices if repr(one) == repr(value)]
        return known[0] if known else middle(distribution)
    if not is_number(value):
        return middle(distribution)
    inside = min(max(value, drawn.low), drawn.high)
    if drawn.step:
        most = math.floor((drawn.high - drawn.low) / drawn.step + 1e-9)
        inside = drawn.low + min(round((inside - drawn.low) / drawn.step), most) * drawn.step
    return int(inside) if drawn.whole else float(inside)


def _has(drawn: Drawn, value: Any) -> bool:
    """Whether a range or a list of choices contains a value."""
    return value in drawn.choices if drawn.choices is not None else drawn.contains(value)


def likelihood(
    params: Mapping[str, Any],
    priors: Mapping[str, Prior],
    drawn: Mapping[str, BaseDistribution],
) -> float:
    """Return the logarithm of the prior likelihood that drawn values are good.

    The most likely value of each hyperparameter counts as 0.

    Args:
        drawn: the distributions of the search space.
    """
    found = list[float]()
    for name, prior in priors.items():
        if name not in params:
            continue
        values = drawn_by(drawn[name])
        own = prior.weight(params[name], *_ends(values))
        most = max(weight for _, weight in _weighed(prior, drawn[name], values))
        found.append(math.log(max(own, LEAST) / max(most, LEAST)))
    return math.fsum(found)
