"""How often verdicts are right, in worlds with a known truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import SFC64, Generator

from tests.evidence.worlds import SIZES, equal_in_time, equal_on_new_groups, level_for
from tuner.evidence.rounds.race import race
from tuner.evidence.statistics.certainty import smallest_gain
from tuner.evidence.statistics.crossed import compare_rows
from tuner.evidence.statistics.looks import Plan, Share
from tuner.evidence.statistics.resampling import compare_scores
from tuner.evidence.statistics.scores import macro_f1, unit_of_macro_f1
from tuner.seeds import derive
from tuner.study.design import RaceRules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.evidence.worlds import World
    from tuner.evidence.statistics.comparison import Verdict
    from tuner.evidence.statistics.components import Array, Components, Pair
    from tuner.evidence.statistics.gain import Gain

PILOTS = 300  # studies that measure the standard error of a gain
ROUNDS = 6
MODELS = 8  # per arm, for the standard error of the gain
TWO_LOOKS = Plan.of(1)
BASELINE, RECIPE, CANDIDATES = 0, 1, (7, 8, 9)
SHARES = np.array((0.4, 0.3, 0.15, 0.1, 0.05))  # of the classes, for macro F1


@dataclass
class Tally:
    """The verdicts in a number of worlds.

    Attributes:
        worlds: number of worlds.
        verdicts: number of worlds with each verdict; "baseline" if it won the race.
        covered: number of intervals that contain the true gain.
        intervals: number of intervals.
        models: per arm, in each world with a verdict.
    """

    worlds: int
    verdicts: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    intervals: int = 0
    models: list[int] = field(default_factory=list)

    def add(self, verdict: Verdict, interval: Pair | None, truth: float, models: int) -> None:
        self.verdicts[verdict] += 1
        self.models.append(models)
        if interval is not None:
            self.intervals += 1
            self.covered += interval[0] <= truth <= interval[1]

    def share(self, verdict: str) -> float:
        return self.verdicts[verdict] / self.worlds

    @property
    def coverage(self) -> float:
        return self.covered / self.intervals


def draws(*name: str | int) -> Generator:
    return Generator(SFC64(derive(0, *name)))


def baseline_level(world: World, rows: int, seeds: int, errors: float) -> float:
    """Return the level of a baseline that is worse by this many standard errors of the gain."""
    if errors == 0:
        return world.level
    draw = draws("pilot", repr(world), rows, seeds)
    level = world.level
    for _ in range(2):
        gains = []
        for _ in range(PILOTS):
            one, other = two_arms(draw, world, level, rows, seeds)
            gains.append(one.mean() - other.mean())
        level = level_for(world, world.mean(world.level) + errors * float(np.std(gains)))
    return level


def two_arms(
    draw: Generator, world: World, level: float, rows: int, seeds: int
) -> tuple[Array, Array]:
    """Draw a test set, and the losses on it of a baseline at this level and of an ordinary arm."""
    test = world.rows(draw, rows)
    levels = level, world.level
    one, other = (world.losses(draw, at, world.models(draw, seeds), test) for at in levels)
    return one, other


def tested(
    judge: Callable[[Array, Array, Share], Gain], one: Array, other: Array, plan: Plan, tests: int
) -> tuple[Gain, int]:
    """Make the looks of a plan as a study does: each further one only if nothing is proven yet.

    Args:
        judge: compares models of two arms.
        one: losses or predictions of the baseline (seeds, rows), enough for the last look.
        other: those of the other arm.
        plan: of the looks.
        tests: number of tests on these rows, including this one.

    Returns:
        The result of the last look, and its number of models per arm.
    """
    for count, part in zip(plan.models, plan.parts, strict=True):
        found = judge(one[:count], other[:count], Share(tests, part))
        if found.verdict != "no proven gain":
            break
    return found, count


def of_sizes(world: World, rows: int, plan: Plan, errors: float, worlds: int) -> Tally:
    """Test two arms on this many rows; the other arm is better by this many standard errors."""
    level = baseline_level(world, rows, MODELS, errors)
    truth = world.mean(level) - world.mean(world.level)
    draw = draws("sizes", repr(world), rows, *plan.models, str(errors))
    tally = Tally(worlds)
    for _ in range(worlds):
        arms = two_arms(draw, world, level, rows, plan.models[-1])
        found, count = tested(compare_rows, *arms, plan, 1)
        tally.add(found.verdict, found.interval, truth, count)
    return tally


def components_of(world: World, level: float) -> Components:
    """Measure the components of a gain over a baseline of this level, on so many rows as decide."""
    found = compare_rows(*two_arms(draws("components", repr(world)), world, level, 4_000, 200))
    assert found.components is not None
    return found.components


def smallest_of(world: World, rows: int, plan: Plan) -> float:
    """Return the gain that such a test is said to detect, where all components are known."""
    gain = 0.0
    for _ in range(3):  # the components depend on the gain
        components = components_of(world, level_for(world, world.mean(world.level) + gain))
        gain = smallest_gain(components, rows, plan.models[-1], Share(1, plan.parts[-1]))
    return gain


def of_gain(world: World, rows: int, plan: Plan, gain: float, worlds: int, *name: str) -> Tally:
    """Test two arms on so many rows, the other arm better by this gain."""
    level = level_for(world, world.mean(world.level) + gain)
    draw, tally = draws("gain", repr(world), rows, *plan.models, *name), Tally(worlds)
    for _ in range(worlds):
        arms = two_arms(draw, world, level, rows, plan.models[-1])
        found, count = tested(compare_rows, *arms, plan, 1)
        tally.add(found.verdict, found.interval, gain, count)
    return tally


def of_groups(sizes: str, worlds: int, *, as_one: bool) -> Tally:
    """Test two equal arms on rows in groups.

    Args:
        sizes: name of the group sizes in `worlds.SIZES`.
        as_one: whether all rows of a group count as one; otherwise each row counts by itself.
    """
    draw, tally = draws("groups", sizes), Tally(worlds)
    for _ in range(worlds):
        one, other, groups = equal_on_new_groups(draw, SIZES[sizes](draw))
        compare = partial(compare_rows, groups=groups if as_one else None)
        found, count = tested(compare, one, other, TWO_LOOKS, 1)
        tally.add(found.verdict, found.interval, 0.0, count)
    return tally


def of_time(alike: float, worlds: int, rows: int = 200, *, in_time: bool) -> Tally:
    """Test two equal arms on the latest rows of a table.

    Args:
        alike: as for `worlds.equal_in_time`.
        in_time: whether that is allowed for; else each row counts by itself.
    """
    draw, tally = draws("time", str(alike), rows), Tally(worlds)
    for _ in range(worlds):
        one, other = equal_in_time(draw, rows, alike)
        found, count = tested(partial(compare_rows, in_time=in_time), one, other, TWO_LOOKS, 1)
        tally.add(found.verdict, found.interval, 0.0, count)
    return tally


def of_race(world: World, rows: int, validation: int, errors: float, worlds: int) -> Tally:
    """Race baseline, recipe and three candidates, and test the winner against the baseline.

    Args:
        world: draws the losses.
        rows: number of test rows.
        validation: rows of each round.
        errors: number of standard errors by which the candidates are better than the other two.
        worlds: number of worlds.
    """
    low = baseline_level(world, rows, MODELS, errors)
    levels = {BASELINE: low, RECIPE: low, **dict.fromkeys(CANDIDATES, world.level)}
    draw, tally = draws("race", repr(world), rows, validation, str(errors)), Tally(worlds)
    for _ in range(worlds):
        winner = _raced(draw, world, levels, validation)
        if winner == BASELINE:
            tally.verdicts["baseline"] += 1
            continue
        test = world.rows(draw, rows)
        one, other = (
            world.losses(draw, levels[trial], world.models(draw, MODELS), test)
            for trial in (BASELINE, winner)
        )
        truth = world.mean(low) - world.mean(levels[winner])
        found, count = tested(compare_rows, one, other, TWO_LOOKS, 1)
        tally.add(found.verdict, found.interval, truth, count)
    return tally


def _raced(draw: Generator, world: World, levels: dict[int, float], validation: int) -> int:
    def score(trials: Sequence[int], _index: int) -> list[float]:
        held_out = world.rows(draw, validation)
        return [
            float(world.losses(draw, levels[trial], world.models(draw, 1), held_out).mean())
            for trial in trials
        ]

    rules = RaceRules.before(len(CANDIDATES), ROUNDS)
    return race(CANDIDATES, BASELINE, [RECIPE], rules, "minimize", score).winner


def of_looks(world: World, rows: int, tests: int, worlds: int) -> Tally:
    """Test equal arms of several studies on the same rows; a world counts with its worst result.

    Each study is planned for the tests made before it. At the end all are judged again with the
    total number of tests, as a report does.
    """
    draw, tally = draws("looks", repr(world), rows, tests), Tally(worlds)
    for _ in range(worlds):
        test = world.rows(draw, rows)
        said = set[str]()
        for number in range(1, tests + 1):
            plan = Plan.of(number)
            one, other = (
                world.losses(draw, world.level, world.models(draw, plan.models[-1]), test)
                for _ in range(2)
            )
            _, count = tested(compare_rows, one, other, plan, number)
            part = plan.parts[plan.models.index(count)]
            found = compare_rows(one[:count], other[:count], Share(tests, part))
            said.add(found.verdict)
            tally.intervals += 1
            tally.covered += found.interval is None or found.interval[0] <= 0 <= found.interval[1]
        tally.verdicts.update(said - {"no proven gain"} or {"no proven gain"})
    return tally


def of_macro_f1(world: World, rows: int, errors: float, worlds: int, resamples: int = 400) -> Tally:
    """Test two arms by macro F1 over five classes of unequal size."""
    level = baseline_level(world, rows, MODELS, errors)
    truth = true_macro_f1(world.mean(world.level)) - true_macro_f1(world.mean(level))
    draw, tally = draws("macro", repr(world), rows, str(errors)), Tally(worlds)
    for number in range(worlds):
        targets = draw.choice(len(SHARES), size=rows, p=SHARES)
        one, other = (
            np.where(
                losses == 1,
                (targets + draw.integers(1, len(SHARES), losses.shape)) % len(SHARES),
                targets,
            )
            for losses in two_arms(draw, world, level, rows, MODELS)
        )
        labels = targets.astype(float)
        judge = partial(_by_macro_f1, labels, number, resamples)
        found, count = tested(judge, one, other, TWO_LOOKS, 1)
        tally.add(found.verdict, found.interval, truth, count)
    return tally


def _by_macro_f1(
    labels: Array, seed: int, resamples: int, one: Array, other: Array, share: Share
) -> Gain:
    return compare_scores(
        macro_f1,
        one,
        other,
        labels,
        unit=unit_of_macro_f1(labels),
        share=share,
        seed=seed,
        resamples=resamples,
    )


def true_macro_f1(error: float) -> float:
    """Return macro F1 on infinitely many rows; errors are spread evenly over the other classes."""
    right = SHARES * (1 - error)
    predicted = right + (1 - SHARES) * error / (len(SHARES) - 1)
    return float((2 * right / (SHARES + predicted)).mean())
