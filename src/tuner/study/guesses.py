"""Guesses: what is tried first after baseline and recipe, from what textbooks know.

The first guess has the likeliest value of each hyperparameter (`tuner.models.priors`), the others
are draws around it. They are drawn once, when a study is made, and kept with its facts. The search
draws as many trials at random as without them, and the same ones, so a bad guess costs its own
training and nothing else (PriorBand, Mallik et al. 2023, arXiv:2306.12370, takes priors early and
never alone for the same reason).
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution

from tuner.case.space import check_inside, drawn_by, space
from tuner.data.splits import folds
from tuner.models.priors import is_known_family, optimizer_for, priors_for
from tuner.models.priors.situation import Situation
from tuner.own.loops.trial import OneByOneSampler, middle
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from tuner.case.assignments import Drawn
    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.models.priors.kinds import Prior
    from tuner.study.configuration import StudyConfig

DRAWS = 4  # after the guess, in a classification; in a regression they made searches worse
ATTEMPTS = 10  # to draw values that go together
FINEST = 200  # steps into which a range is divided


def guesses_of(config: StudyConfig) -> list[dict[str, Any]]:
    """Return the configurations to try first, as what `suggest` draws of each.

    A case's own guesses come first. Where it has one, or none are written, priors follow: of models
    that tuner builds, and of a user's own if the search draws its learning rate and it has no
    optimizer or step of its own, as nothing else says what its values mean. Of a user's own model
    only the guess is taken, because what is known of it is too little for draws.

    Raises:
        CaseError: `suggest` fails.
    """
    case, given = config.case, config.case.guesses
    known = priors_of(case, config.dataset, config.seed, config.fixed)
    made = [Guess(asdict(one)) for one in given or ()]
    if known and given is None:
        made.append(Guess(asdict(case.baseline), known))
    if known and case.task == "classification" and is_known_family(case.baseline):
        draws = DRAWS if given is None or len(given) == 1 else 0
        made += [Guess(asdict(case.baseline), known, draw) for draw in range(draws)]
    found: list[dict[str, Any]] = []
    seen = [asdict(case.baseline), asdict(case.recipe)]
    for one in made:
        params, hyperparameters = one.replayed(case, config.seed, config.fixed)
        if params and hyperparameters not in seen:
            found.append(params)
            seen.append(hyperparameters)
    return found


def priors_of(case: Case, data: Dataset, seed: int, fixed: Mapping[str, Any]) -> dict[str, Prior]:
    """Return what is known of the hyperparameters that a case's search draws; empty: too little.

    Args:
        seed: of the split into folds.
        fixed: hyperparameters that the search does not vary.

    Raises:
        CaseError: `suggest` fails.
    """
    drawn = space(case)
    if "learning_rate" not in drawn or case.optimizer is not None or case.step is not None:
        return {}
    optimizers = drawn.get("optimizer")
    choices = optimizers.choices if isinstance(optimizers, CategoricalDistribution) else ()
    likely = optimizer_for(case.baseline, choices) or case.baseline.optimizer
    shape = data.row_shape
    situation = Situation(
        rows=len(folds(data.development, data.validation, seed)[0].training),
        classes=len(data.classes),
        features=data.table.width if data.table else math.prod(shape),
        side=min(shape[1:]) if len(shape) == 3 else None,
        optimizer=fixed.get("optimizer", likely),
    )
    known = priors_for(case.baseline, situation)
    return {name: prior for name, prior in known.items() if name in drawn}


@dataclass(frozen=True, slots=True)
class Guess:
    """What a guess is made of.

    Attributes:
        values: by name; the nearest one is taken where a range does not have it.
        priors: come before the values.
        draw: number of the draw; None: the likeliest values.
    """

    values: Mapping[str, Any]
    priors: Mapping[str, Prior] = field(default_factory=dict)
    draw: int | None = None

    def replayed(
        self, case: Case, seed: int, fixed: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Let `suggest` draw it; return what it has drawn, and the hyperparameters it gives.

        Both are empty where the values do not go together, whatever is drawn.
        """
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
            return dict(trial.params), asdict(made)
        return {}, {}


class GuessSampler(OneByOneSampler):
    """Gives what is fixed, else what a prior says, else a value that is given, else the middle.

    Args:
        fixed, values, priors: by name.
        seed: of draws from the priors, each hyperparameter from a stream of its own; None: the
            likeliest value is taken.
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
    """Return values of a range with their weights, the likeliest number among them."""
    if drawn.choices is not None:
        numbers = [one for one in drawn.choices if isinstance(one, int | float)]
        low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
        return [(one, prior.weight(one, low, high)) for one in drawn.choices]
    values = _grid(distribution, drawn)
    if (centre := prior.centre(drawn.low, drawn.high)) is not None:
        values.append(nearest(distribution, drawn, centre))
    return [(one, prior.weight(one, drawn.low, drawn.high)) for one in sorted(set(values))]


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
    """Return the value of a range, or the choice, that is nearest to one."""
    if drawn.choices is not None:
        known = [one for one in drawn.choices if repr(one) == repr(value)]
        return known[0] if known else middle(distribution)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return middle(distribution)
    inside = min(max(value, drawn.low), drawn.high)
    if drawn.step:
        most = math.floor((drawn.high - drawn.low) / drawn.step + 1e-9)
        inside = drawn.low + min(round((inside - drawn.low) / drawn.step), most) * drawn.step
    return int(inside) if drawn.whole else float(inside)


def _has(drawn: Drawn, value: Any) -> bool:
    """Whether a range or a list of choices has a value."""
    return value in drawn.choices if drawn.choices is not None else drawn.contains(value)
