"""Guesses that keep the limits of a study.

One that is over a limit is not trained, and what textbooks know would be lost with it: the
likeliest network is often a large one. So it gives up, step by step, what costs the least
likelihood for what it saves, until it keeps them. How long a model takes in use is measured when
its trial begins, and is not looked at here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tuner.case.space import drawn_by, space
from tuner.errors import CaseError
from tuner.study.cost import Costs
from tuner.study.guess import nearest
from tuner.study.limits import COST, PARAMETERS
from tuner.study.schema import GUESS
from tuner.training.cost import parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution

    from tuner.study.configuration import StudyConfig
    from tuner.study.guess import Guess

A_STEP = 2 / 3  # of a number, or the next one below it
NEGLIGIBLE = 0.01  # of the logarithm of what is saved


class Excess:
    """By how much guesses are over those limits of a study that shapes and settings tell."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self._limits = config.limits.of_trial({GUESS})
        cost = self._limits.cost is not None
        self._costs = Costs(config.case, config.dataset, config.plan) if cost else None
        self._known: dict[str, dict[str, float]] = {}  # COST is that of an epoch

    def of(self, hyperparameters: Mapping[str, Any]) -> float:
        """Return the logarithm of how many times too much it is, summed over limits; 0: it is not.

        A model that cannot be built is over none: its training fails, and tells why.
        """
        epochs = hyperparameters["epochs"]
        key = repr({**hyperparameters, "epochs": None})
        if key not in self._known:
            self._known[key] = self._measured(hyperparameters)
        found = self._known[key]
        shares = []
        if self._limits.parameters is not None and PARAMETERS in found:
            shares.append(found[PARAMETERS] / self._limits.parameters)
        if self._limits.cost is not None and COST in found:
            shares.append(found[COST] * epochs / self._limits.cost)
        return math.fsum(math.log(share) for share in shares if share > 1)

    def _measured(self, hyperparameters: Mapping[str, Any]) -> dict[str, float]:
        config, found = self._config, dict[str, float]()
        try:
            made = config.case.hyperparameters(hyperparameters)
            if self._limits.parameters is not None:
                found[PARAMETERS] = parameters_of(config.case, made, config.dataset)
            if self._costs is not None:
                found[COST] = self._costs.of(made) / made.epochs
        except CaseError:
            return {}
        return found


def within_limits(
    guess: Guess, config: StudyConfig, excess: Excess
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a guess as `Guess.replayed` does, or the likeliest one near it that keeps the limits.

    Where there is none, it is returned as it is.
    """
    first = guess.replayed(config.case, config.seed, config.fixed)
    if not first[0] or excess.of(first[1]) == 0:
        return first
    descent = _Descent(guess, config, excess, dict(config.fixed), first)
    while descent.over > 0:
        if not descent.go_down():
            return first
    return descent.now


class _Step(NamedTuple):
    """A value that saves something.

    Attributes:
        price: likelihood that it costs for what it saves, both as logarithms.
        now: the guess with this value, as `Guess.replayed` returns it.
        over: what it still is over the limits.
    """

    price: float
    name: str
    value: Any
    now: tuple[dict[str, Any], dict[str, Any]]
    over: float


@dataclass(slots=True)
class _Descent:
    """A guess on its way to the limits.

    Attributes:
        fixed: what it has given up, and what the search does not vary.
        now: what it is, as `Guess.replayed` returns it.
        over: what it still is over the limits.
        waiting: the cheapest step of each hyperparameter, as it was when it was looked at last.
    """

    guess: Guess
    config: StudyConfig
    excess: Excess
    fixed: dict[str, Any]
    now: tuple[dict[str, Any], dict[str, Any]]
    over: float = field(init=False)
    waiting: dict[str, _Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.over = self.excess.of(self.now[1])

    def go_down(self) -> bool:
        """Take the step that is cheapest for what it saves; return whether there was one.

        What a step saves hardly depends on the others, so only those that look cheapest are looked
        at again (lazy greedy: Minoux 1978, "Accelerated greedy algorithms").
        """
        if not self.waiting:
            for name in self.guess.priors:
                self._look_at(name)
        while self.waiting:
            name = _cheapest(self.waiting)
            self._look_at(name)
            if name in self.waiting and _cheapest(self.waiting) == name:
                step = self.waiting[name]
                self.fixed[name], self.now, self.over = step.value, step.now, step.over
                self._look_at(name)
                return True
        return False

    def _look_at(self, name: str) -> None:
        """Find the cheapest step of a hyperparameter, or that it has none."""
        steps = self._steps(name)
        self.waiting.pop(name, None)
        if steps:
            self.waiting[name] = min(steps, key=lambda step: step.price)

    def _steps(self, name: str) -> list[_Step]:
        params, drawn, found = self.now[0], space(self.config.case), list[_Step]()
        if name in self.config.fixed or name not in params:
            return found
        likely = self.guess.likelihood(params, drawn)
        for value in _others(drawn[name], params[name]):
            fixed = {**self.fixed, name: value}
            now = self.guess.replayed(self.config.case, self.config.seed, fixed)
            if now[0].get(name) != value:
                continue  # with the rest, the search space does not have it
            over = self.excess.of(now[1])
            if (saved := self.over - over) > min(NEGLIGIBLE, self.over / 2):
                price = (likely - self.guess.likelihood(now[0], drawn)) / saved
                found.append(_Step(price, name, value, now, over))
        return found


def _cheapest(waiting: Mapping[str, _Step]) -> str:
    return min(waiting, key=lambda name: (waiting[name].price, name))


def _others(distribution: BaseDistribution, value: Any) -> list[Any]:
    """Return the choices besides a value, or the number that is a step below it."""
    drawn = drawn_by(distribution)
    if drawn.choices is not None:
        return [one for one in drawn.choices if repr(one) != repr(value)]
    lower = nearest(distribution, drawn, A_STEP * value)
    if lower >= value and drawn.step:
        lower = nearest(distribution, drawn, value - drawn.step)
    return [lower] if lower < value else []
