"""Guesses that keep the limits of a study.

One that is over a limit is not trained, and what textbooks know would be lost with it: the
likeliest network is often a large one. So it gives up, step by step, what costs the least
likelihood for what it saves, until it keeps them. How long a model takes in use is measured when
its trial begins, and is not looked at here.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tuner.case.assignments import is_number
from tuner.case.space import drawn_by, space
from tuner.errors import CaseError
from tuner.study.cost import Costs
from tuner.study.guess import Guess, Replayed, likelihood, nearest
from tuner.study.guesses import priors_of
from tuner.study.limits import COST, PARAMETERS
from tuner.study.schema import GUESS
from tuner.training.cost import parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution

    from tuner.study.configuration import StudyConfig

A_STEP = 2 / 3  # of a number, or the next one below it; above it 3 / 2
HALVINGS = 6  # of a step that may have been too long
NEGLIGIBLE = 0.01  # of the logarithm of what is saved
TOLERANCE = 1e-9  # of rounding, as a share of a limit


def within_limits(
    guesses: Sequence[Mapping[str, Any]],
    config: StudyConfig,
    tried: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return guesses that keep the limits of a study, each the likeliest near the one in its place.

    One stays as it is where nothing near it keeps them, where it would become one that is tried
    already, and where a person has written it.

    Args:
        guesses: as what `suggest` draws of each.
        config: with the limits.
        tried: hyperparameters of trials that the study has besides.

    Raises:
        CaseError: `suggest` fails.
    """
    case, found = config.case, [dict(one) for one in guesses]
    excess = Excess(config)
    if not excess.is_limited or not found:
        return found
    written = [
        Guess(asdict(one)).replayed(case, config.seed, config.fixed).params
        for one in case.guesses or ()
    ]
    known = priors_of(case, config.dataset, config.seed, config.fixed, limited=True)
    likeliest = Guess(asdict(case.baseline), known)
    descents = [_Descent(config, likeliest, excess, one) for one in found]
    seen = [asdict(case.baseline), asdict(case.recipe), *tried]
    seen += [one.now.hyperparameters for one in descents if one.over == 0]
    for place, descent in enumerate(descents):
        if descent.over == 0 or found[place] in written or not descent.arrives():
            continue
        if descent.now.hyperparameters not in seen:
            found[place] = descent.now.params
            seen.append(descent.now.hyperparameters)
    return found


class Excess:
    """By how much guesses are over those limits of a study that shapes and settings tell."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self._limits = replace(config.limits.of_trial({GUESS}), latency_ms=None)
        cost = self._limits.cost is not None
        self._costs = Costs(config.case, config.dataset, config.plan) if cost else None
        self._known: dict[str, dict[str, float]] = {}  # COST is that of an epoch

    @property
    def is_limited(self) -> bool:
        """Whether there is such a limit."""
        return bool(self._limits)

    def of(self, hyperparameters: Mapping[str, Any]) -> float:
        """Return the logarithms of how many times the limits it needs, summed; 0: it keeps them.

        A model that cannot be built keeps them: its training fails, and tells why.
        """
        key = repr({**hyperparameters, "epochs": None})
        if key not in self._known:
            self._known[key] = self._measured(hyperparameters)
        if not (known := self._known[key]):
            return 0.0
        found = {**known, COST: known.get(COST, 0.0) * hyperparameters["epochs"]}
        shares = self._limits.excess(found).values()
        return math.fsum(math.log1p(share) for share in shares if share > TOLERANCE)

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


class _Step(NamedTuple):
    """A value that saves something.

    Attributes:
        price: likelihood that it costs for what it saves, both as logarithms.
        now: the guess with this value.
        over: what it still is over the limits.
    """

    price: float
    value: Any
    now: Replayed
    over: float


@dataclass(slots=True)
class _Descent:
    """A guess on its way to the limits.

    Attributes:
        likeliest: the first guess, with what is known.
        values: of this one.
        pinned: those in which it differs from the likeliest one. The others may become likelier
            than they are, where what was given up leaves room for it.
        changed: what it has given up.
        now: what `suggest` makes of it.
        over: what it is over the limits.
        waiting: the cheapest step of each hyperparameter, as it was when it was looked at last.
    """

    config: StudyConfig
    likeliest: Guess
    excess: Excess
    values: Mapping[str, Any]
    pinned: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    now: Replayed = field(init=False)
    over: float = field(init=False)
    waiting: dict[str, _Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        likely = self._with({}).params
        different = {name: one for name, one in self.values.items() if likely.get(name) != one}
        for pinned in (different, dict(self.values)):
            self.pinned = pinned
            self.now = self._with({})
            if self.now.params == self.values:
                break
        self.over = self._over(self.now)

    def arrives(self) -> bool:
        """Go down to the limits, then up again as far as they allow; False: they are not kept."""
        while self.over > 0:
            if not self._goes_down():
                return False
        for name in reversed(tuple(self.changed)):
            self._give_back(name)
        return True

    def _with(self, changed: Mapping[str, Any]) -> Replayed:
        """Return the guess with other values."""
        config = self.config
        fixed = {**self.pinned, **self.changed, **changed, **config.fixed}
        return self.likeliest.replayed(config.case, config.seed, fixed)

    def _over(self, one: Replayed) -> float:
        return self.excess.of(one.hyperparameters) if one.params else 0.0

    def _goes_down(self) -> bool:
        """Take the step that is cheapest for what it saves; return whether there was one.

        What a step saves hardly depends on the others, so only those that look cheapest are looked
        at again (lazy greedy: Minoux 1978, "Accelerated greedy algorithms").
        """
        if not self.waiting:
            for name in self.likeliest.priors:
                self._look_at(name)
        while self.waiting:
            name = _cheapest(self.waiting)
            self._look_at(name)
            if name in self.waiting and _cheapest(self.waiting) == name:
                step = self.waiting[name]
                self.changed[name], self.now, self.over = step.value, step.now, step.over
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
        params, found = self.now.params, list[_Step]()
        if name in self.config.fixed or name not in params:
            return found
        likely = self._likelihood(params)
        near, far = _others(self.now.ranges[name], params[name])
        for value in (*near, *far):
            if value in far and found:
                break
            now = self._with({name: value})
            if name not in now.params or now.params[name] != value:
                continue  # with the rest, the search space does not have it
            over = self._over(now)
            if (saved := self.over - over) > min(NEGLIGIBLE, self.over / 2):
                price = (likely - self._likelihood(now.params)) / saved
                found.append(_Step(price, value, now, over))
        return found

    def _likelihood(self, params: Mapping[str, Any]) -> float:
        return likelihood(params, self.likeliest.priors, space(self.config.case))

    def _give_back(self, name: str) -> None:
        """Take back what was given up if there is room for it now, or as much of a number as fits.

        A step may be too long, or needless once another one has been taken.
        """
        bound = self.changed.pop(name)
        free = self._with({})
        if self._fits(free):
            self.now = free
            return
        self.changed[name] = bound
        wanted, distribution = free.params.get(name), self.now.ranges.get(name)
        if distribution is None or not (is_number(wanted) and is_number(bound)):
            return
        drawn = drawn_by(distribution)
        if drawn.choices is not None:
            self._take_choice(name, drawn.choices, wanted)
            return
        for _ in range(HALVINGS):
            value = nearest(distribution, drawn, (wanted + bound) / 2)
            if value in (wanted, bound):
                return
            if self._takes(name, value):
                bound = value
            else:
                wanted = value

    def _take_choice(self, name: str, choices: Sequence[Any], wanted: Any) -> None:
        """Take the number that fits and is nearest to a wanted one, if any is nearer."""
        bound = self.changed[name]
        low, high = min(wanted, bound), max(wanted, bound)
        between = [one for one in choices if is_number(one) and low < one < high]
        for value in sorted(between, key=lambda one: abs(one - wanted)):
            if self._takes(name, value):
                return

    def _takes(self, name: str, value: Any) -> bool:
        """Change a value if the limits allow it; return whether they do."""
        now = self._with({name: value})
        if now.params.get(name) != value or not self._fits(now):
            return False
        self.changed[name], self.now = value, now
        return True

    def _fits(self, one: Replayed) -> bool:
        """Whether the search space has a guess, and it keeps the limits."""
        return bool(one.params) and self._over(one) == 0


def _cheapest(waiting: Mapping[str, _Step]) -> str:
    return min(waiting, key=lambda name: (waiting[name].price, name))


def _others(distribution: BaseDistribution, value: Any) -> tuple[list[Any], list[Any]]:
    """Return the choices besides a value, or the numbers that are a step below and above it.

    Besides, the ends of its range: there is something to save, though a step may save nothing.
    """
    drawn = drawn_by(distribution)
    if drawn.choices is not None:
        return [one for one in drawn.choices if repr(one) != repr(value)], []
    lower, higher = (nearest(distribution, drawn, value * by) for by in (A_STEP, 1 / A_STEP))
    if drawn.step:
        lower = min(lower, nearest(distribution, drawn, value - drawn.step))
        higher = max(higher, nearest(distribution, drawn, value + drawn.step))
    near = [one for one in (lower, higher) if one != value]
    ends = (nearest(distribution, drawn, end) for end in (drawn.low, drawn.high))
    return near, [one for one in ends if one != value and one not in near]
