"""Makes guesses keep the limits of a study.

A guess over a limit is not trained, and the textbooks' knowledge would be lost with it: the most
likely network is often a large one. So the guess is changed step by step until it is within the
limits. Each step is the one that costs the least likelihood for what it saves. Latency is measured
only when a trial begins, and is not considered here.
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

A_STEP = 2 / 3  # factor of a step down, or the next lower value; a step up is 3 / 2
HALVINGS = 6  # of a step that may have been too large
NEGLIGIBLE = 0.01  # as a logarithm of the saving
TOLERANCE = 1e-9  # for rounding, as a share of a limit


def within_limits(
    guesses: Sequence[Mapping[str, Any]],
    config: StudyConfig,
    tried: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return guesses that keep the limits of a study, each the most likely one near the original.

    A guess stays unchanged if nothing near it keeps the limits, if the result has been tried
    already, or if a person has written it.

    Args:
        guesses: as the values that `suggest` draws for each.
        config: with the limits.
        tried: hyperparameters of the study's other trials.

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
    """How far guesses exceed the limits that can be computed from shapes and settings."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self._limits = replace(config.limits.of_trial({GUESS}), latency_ms=None)
        cost = self._limits.cost is not None
        self._costs = Costs(config.case, config.dataset, config.plan) if cost else None
        self._known: dict[str, dict[str, float]] = {}  # COST is for one epoch

    @property
    def is_limited(self) -> bool:
        """Whether there is such a limit."""
        return bool(self._limits)

    def of(self, hyperparameters: Mapping[str, Any]) -> float:
        """Return the summed logarithms of need over limit; 0 if the limits are kept.

        A model that cannot be built counts as 0: its training fails and gives the reason.
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
    """A change of one value that saves something.

    Attributes:
        price: loss of likelihood divided by the saving, both as logarithms.
        now: the guess with this value.
        over: its remaining excess over the limits.
    """

    price: float
    value: Any
    now: Replayed
    over: float


@dataclass(slots=True)
class _Descent:
    """A guess on its way to the limits.

    Attributes:
        likeliest: the first guess, with its priors.
        values: of this guess.
        pinned: those values in which it differs from the first guess. The others may become more
            likely than they are, if the changes leave room.
        changed: values that were changed so far.
        now: result of `suggest` for it.
        over: its excess over the limits.
        waiting: the cheapest step of each hyperparameter, as of the last look at it.
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
        """Go down to the limits, then up again as far as possible; return whether they are kept."""
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
        """Take the step that is cheapest for its saving; return whether there was one.

        The saving of a step hardly depends on the other steps, so only the steps that look cheapest
        are computed again (lazy greedy: Minoux 1978, "Accelerated greedy algorithms").
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
        """Find the cheapest step of a hyperparameter, if it has any."""
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
                continue  # not part of the space with the present values
            over = self._over(now)
            if (saved := self.over - over) > min(NEGLIGIBLE, self.over / 2):
                price = (likely - self._likelihood(now.params)) / saved
                found.append(_Step(price, value, now, over))
        return found

    def _likelihood(self, params: Mapping[str, Any]) -> float:
        return likelihood(params, self.likeliest.priors, space(self.config.case))

    def _give_back(self, name: str) -> None:
        """Undo a change if there is room for it now, or as much of a number's change as fits.

        A step may have been too large, or may have become needless after another one.
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
        """Take the choice that fits and is nearest to the wanted number, if one is nearer."""
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
        """Whether a guess is in the search space and within the limits."""
        return bool(one.params) and self._over(one) == 0


def _cheapest(waiting: Mapping[str, _Step]) -> str:
    return min(waiting, key=lambda name: (waiting[name].price, name))


def _others(distribution: BaseDistribution, value: Any) -> tuple[list[Any], list[Any]]:
    """Return the other choices, or the numbers one step below and above a value; and the ends.

    The ends of the range are returned separately, for the case that a single step saves nothing.
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
