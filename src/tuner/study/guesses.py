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
from tuner.models.priors import is_known_family, priors_for
from tuner.models.priors.situation import Situation
from tuner.own.loops.trial import OneByOneSampler, middle
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from tuner.case.assignments import Drawn
    from tuner.case.contract import Hyperparameters
    from tuner.models.priors.kinds import Prior
    from tuner.study.configuration import StudyConfig

DRAWS = 4  # after the guess, in a classification; in a regression they made searches worse
ATTEMPTS = 10  # to draw values that go together
FINEST = 200  # steps into which a range is divided


def guesses_of(config: StudyConfig) -> list[dict[str, Any]]:
    """Return the configurations to try first, as what `suggest` draws of each.

    A case's own guesses come first. Where it has one, or none are written, priors follow: of models
    that tuner builds, and of a user's own if the search draws its learning rate and it has no
    optimizer of its own, as nothing else says what its values mean. Of a user's own model only the
    guess is taken, because what is known of it is too little for draws.

    Raises:
        CaseError: `suggest` fails.
    """
    given: Sequence[Hyperparameters] | None = config.case.guesses
    made = [_Given(asdict(one)) for one in given or ()]
    if given is None or len(given) == 1:
        known = _priors(config)
        made += [_Given(asdict(config.case.baseline), known)] if known and not given else []
        if known and config.case.task == "classification" and is_known_family(config.case.baseline):
            made += [_Given(asdict(config.case.baseline), known, draw) for draw in range(DRAWS)]
    found: list[dict[str, Any]] = []
    seen = [asdict(config.case.baseline), asdict(config.case.recipe)]
    for one in made:
        params, hyperparameters = _replayed(config, one)
        if params and hyperparameters not in seen:
            found.append(params)
            seen.append(hyperparameters)
    return found


@dataclass(frozen=True, slots=True)
class _Given:
    """What a guess is made of.

    Attributes:
        values: by name; the nearest one is taken where a range does not have it.
        priors: come before the values.
        draw: number of the draw; None: the likeliest values.
    """

    values: Mapping[str, Any]
    priors: Mapping[str, Prior] = field(default_factory=dict)
    draw: int | None = None


def _priors(config: StudyConfig) -> Mapping[str, Prior]:
    """Return what is known of the hyperparameters that the search draws; empty: too little."""
    case, data = config.case, config.dataset
    drawn = space(case)
    if "learning_rate" not in drawn or case.optimizer is not None or case.step is not None:
        return {}
    optimizers = drawn.get("optimizer")
    able = isinstance(optimizers, CategoricalDistribution) and "adamw" in optimizers.choices
    chosen = config.fixed.get("optimizer", "adamw" if able else case.baseline.optimizer)
    parts = folds(data.development, data.validation, config.seed)
    shape = data.row_shape
    situation = Situation(
        rows=len(parts[0].training),
        classes=len(data.classes),
        features=data.table.width if data.table else math.prod(shape),
        side=min(shape[1:]) if len(shape) == 3 else None,
        decoupled=chosen == "adamw",
    )
    return {
        name: prior for name, prior in priors_for(case.baseline, situation).items() if name in drawn
    }


def _replayed(config: StudyConfig, given: _Given) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let `suggest` draw a guess; return what it has drawn, and the hyperparameters it gives.

    Both are empty where the values do not go together, whatever is drawn.
    """
    case = config.case
    for attempt in range(ATTEMPTS if given.draw is not None else 1):
        seed = derive(config.seed, Stream.GUESS, given.draw or 0, attempt)
        sampler = GuessSampler(config.fixed, given.values, given.priors)
        if given.draw is not None:
            sampler.luck = np.random.default_rng(seed)
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

    Attributes:
        luck: draws from the priors; None: the likeliest value is taken.
    """

    def __init__(
        self, fixed: Mapping[str, Any], values: Mapping[str, Any], priors: Mapping[str, Prior]
    ) -> None:
        self._fixed, self._values, self._priors = fixed, values, priors
        self.luck: np.random.Generator | None = None

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
            if self.luck is not None:
                sums = list(accumulate(weights))
                return values[bisect(sums, self.luck.random() * sums[-1], hi=len(sums) - 1)]
            return values[weights.index(max(weights))]
        if param_name not in self._values:
            return middle(param_distribution)
        return _nearest(param_distribution, drawn, self._values[param_name])


def _weighed(prior: Prior, distribution: BaseDistribution, drawn: Drawn) -> list[tuple[Any, float]]:
    """Return values of a range with their weights, the likeliest number among them."""
    if drawn.choices is not None:
        numbers = [one for one in drawn.choices if isinstance(one, int | float)]
        low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
        return [(one, prior.weight(one, low, high)) for one in drawn.choices]
    values = _grid(distribution, drawn)
    if (centre := prior.centre(drawn.low, drawn.high)) is not None:
        values.append(_nearest(distribution, drawn, centre))
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
    return [_nearest(distribution, drawn, float(f"{value:.4g}")) for value in values]


def _nearest(distribution: BaseDistribution, drawn: Drawn, value: Any) -> Any:
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
