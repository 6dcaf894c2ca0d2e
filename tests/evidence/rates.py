"""How often verdicts are right in worlds with a known truth."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.random import SFC64, Generator
from scipy.stats import ttest_1samp

from tests.evidence.worlds import level_for
from tuner.evidence.certainty import guess
from tuner.evidence.comparison import compare
from tuner.evidence.crossed import compare_rows
from tuner.evidence.finalists import most_seeds, seed_spread, seeds_to_test
from tuner.evidence.race import Race, race
from tuner.evidence.resampling import compare_scores
from tuner.evidence.scores import macro_f1, unit_of_macro_f1
from tuner.seeds import derive
from tuner.study import design as design_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.evidence.worlds import World
    from tuner.evidence.comparison import Verdict
    from tuner.evidence.components import Array, Pair

PILOTS = 300  # studies that measure the standard error of a gain
FEWEST = 6
PLAIN = 0.001  # p-value at which races ended before
BASELINE, RECIPE, CANDIDATES = 0, 1, (7, 8, 9)
SHARES = np.array((0.4, 0.3, 0.15, 0.1, 0.05))  # of classes, where macro F1 is asked for

Design = Literal["fresh", "shared", "shared, seeds alone"]


@dataclass
class Tally:
    """What was said in so many worlds.

    Attributes:
        worlds: how many.
        verdicts: how often each was said in a world; "baseline" where that won the race.
        covered: intervals that hold the true gain.
        intervals: that there were.
        seeds: of each world with a verdict.
    """

    worlds: int
    verdicts: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    intervals: int = 0
    seeds: list[int] = field(default_factory=list)

    def add(self, verdict: Verdict, interval: Pair | None, truth: float, seeds: int) -> None:
        self.verdicts[verdict] += 1
        self.seeds.append(seeds)
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
    """Return the level of a baseline that is worse by so many standard errors of the gain."""
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
    """Draw a test set, and the losses on it of a baseline of this level and of an ordinary arm."""
    test = world.rows(draw, rows)
    levels = level, world.level
    one, other = (world.losses(draw, at, world.models(draw, seeds), test) for at in levels)
    return one, other


def of_sizes(world: World, rows: int, seeds: int, errors: float, worlds: int) -> Tally:
    """Compare two arms on tests of one size, the other arm better by so many standard errors."""
    level = baseline_level(world, rows, seeds, errors)
    truth = world.mean(level) - world.mean(world.level)
    draw, tally = draws("sizes", repr(world), rows, seeds, str(errors)), Tally(worlds)
    for _ in range(worlds):
        found = compare_rows(*two_arms(draw, world, level, rows, seeds))
        tally.add(found.verdict, found.interval, truth, seeds)
    return tally


def of_race(
    world: World, rows: int, validation: int, design: Design, errors: float, worlds: int
) -> Tally:
    """Race baseline, recipe and three candidates, and compare the winner with the baseline.

    Args:
        world: of losses.
        rows: of the test.
        validation: rows of each round.
        design: "fresh" tests new models, `seeds_to_test` of them; "shared" tests those of up to 24
            rounds, as the code did on held-out rows before; and "seeds alone" with the interval
            that it had.
        errors: by how many standard errors (of six seeds) the candidates are better than the other
            two.
        worlds: how many.
    """
    low = baseline_level(world, rows, FEWEST, errors)
    levels = {BASELINE: low, RECIPE: low, **dict.fromkeys(CANDIDATES, world.level)}
    draw, tally = draws("race", repr(world), rows, validation, design, str(errors)), Tally(worlds)
    for _ in range(worlds):
        models = {trial: world.models(draw, most_seeds(FEWEST)) for trial in levels}
        found = _raced(draw, world, levels, models, validation, design)
        if found.winner == BASELINE:
            tally.verdicts["baseline"] += 1
            continue
        count = len(found.scores[BASELINE])
        if design == "fresh":
            count = _planned(found, rows, validation, classes=not hasattr(world, "squared"))
            models = {trial: world.models(draw, count) for trial in (BASELINE, found.winner)}
        test = world.rows(draw, rows)
        one, other = (
            world.losses(draw, levels[trial], models[trial][:count], test)
            for trial in (BASELINE, found.winner)
        )
        truth = world.mean(low) - world.mean(levels[found.winner])
        if design == "shared, seeds alone":
            alone = compare(list(one.mean(axis=1)), list(other.mean(axis=1)), "minimize")
            tally.add(alone.verdict, alone.interval, truth, count)
        else:
            gain = compare_rows(one, other)
            tally.add(gain.verdict, gain.interval, truth, count)
    return tally


def _raced(
    draw: Generator,
    world: World,
    levels: dict[int, float],
    models: dict[int, Array],
    validation: int,
    design: Design,
) -> Race:
    def score(trials: Sequence[int], index: int) -> list[float]:
        held_out = world.rows(draw, validation)
        return [
            float(
                world.losses(draw, levels[trial], models[trial][index : index + 1], held_out).mean()
            )
            for trial in trials
        ]

    rules = design_of.Race.before(len(CANDIDATES), FEWEST)
    found = race(CANDIDATES, BASELINE, [RECIPE], rules, "minimize", score)
    return found if design == "fresh" else _longer(found, score)


def _longer(found: Race, score: Callable[[Sequence[int], int], Sequence[float]]) -> Race:
    """Run more rounds of a race, up to 24, until its gain is plain, as the code did before."""
    runner = max(CANDIDATES, key=lambda trial: len(found.scores[trial]))
    entered = (BASELINE, RECIPE, runner)
    scores = {trial: [one for one in found.scores[trial] if one is not None] for trial in entered}

    def is_plain() -> bool:
        gains = np.subtract(scores[BASELINE], scores[runner])
        return bool(ttest_1samp(gains, 0).pvalue < PLAIN)

    while len(scores[BASELINE]) < most_seeds(FEWEST) and not is_plain():
        for trial, one in zip(entered, score(entered, len(scores[BASELINE])), strict=True):
            scores[trial].append(one)
    winner = min(entered, key=lambda trial: float(np.mean(scores[trial])))
    return Race(winner=winner, scores={**found.scores, **{t: list(s) for t, s in scores.items()}})


def _planned(found: Race, rows: int, validation: int, *, classes: bool) -> int:
    """Return on how many seeds a study would test, from what it knows before the test."""
    known = {
        trial: [one for one in scores if one is not None] for trial, scores in found.scores.items()
    }
    base, best = (float(np.mean(known[trial])) for trial in (BASELINE, found.winner))
    of_rows = (base * (1 - base) if classes else base**2 * (math.pi / 2 - 1)) / validation
    spread = seed_spread([known[BASELINE], known[found.winner]], of_rows)
    components = guess(base, classes=classes, seed_spread=spread)
    return seeds_to_test(components, base - best, rows, FEWEST)


def of_looks(world: World, rows: int, seeds: int, looks: int, worlds: int) -> Tally:
    """Compare equal arms of so many studies on the same test rows; a world's worst is told."""
    draw, tally = draws("looks", repr(world), rows, seeds, looks), Tally(worlds)
    for _ in range(worlds):
        test = world.rows(draw, rows)
        said = set[str]()
        for _ in range(looks):
            one, other = (
                world.losses(draw, world.level, world.models(draw, seeds), test) for _ in range(2)
            )
            found = compare_rows(one, other, looks)
            said.add(found.verdict)
            tally.intervals += 1
            tally.covered += found.interval is None or found.interval[0] <= 0 <= found.interval[1]
        tally.verdicts.update(said - {"no proven gain"} or {"no proven gain"})
    return tally


def of_macro_f1(
    world: World, rows: int, seeds: int, errors: float, worlds: int, resamples: int = 400
) -> Tally:
    """Compare two arms by macro F1 over five classes of unequal size."""
    level = baseline_level(world, rows, seeds, errors)
    truth = true_macro_f1(world.level) - true_macro_f1(level)
    draw, tally = draws("macro", repr(world), rows, seeds, str(errors)), Tally(worlds)
    for number in range(worlds):
        targets = draw.choice(len(SHARES), size=rows, p=SHARES)
        one, other = (
            np.where(
                losses == 1,
                (targets + draw.integers(1, len(SHARES), losses.shape)) % len(SHARES),
                targets,
            )
            for losses in two_arms(draw, world, level, rows, seeds)
        )
        labels = targets.astype(float)
        found = compare_scores(
            macro_f1,
            one,
            other,
            labels,
            unit=unit_of_macro_f1(labels),
            seed=number,
            resamples=resamples,
        )
        tally.add(found.verdict, found.interval, truth, seeds)
    return tally


def true_macro_f1(error: float) -> float:
    """Return macro F1 on endless rows, where wrong rows go to the other classes alike."""
    right = SHARES * (1 - error)
    predicted = right + (1 - SHARES) * error / (len(SHARES) - 1)
    return float((2 * right / (SHARES + predicted)).mean())
