"""How often the gain is detected that a report says is detected in 80 % of studies; a table.

    PYTHONPATH=. python studies/verdict/power.py             # about ten minutes on one core

The figures of each of so many simulated studies are tried in new studies of the same kind.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import fmean, median
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.stats import norm
from tests.evidence.rates import draws, tested, two_arms
from tests.evidence.worlds import SIZES, WORLDS, level_for

from tuner.evidence.statistics.certainty import measured_certainty, rows_for
from tuner.evidence.statistics.crossed import FEWEST, compare_rows
from tuner.evidence.statistics.looks import ALPHA, Plan, Share
from tuner.evidence.statistics.resampling import compare_scores
from tuner.evidence.statistics.scores import auc, unit_of_auc

if TYPE_CHECKING:
    from numpy.random import Generator
    from tests.evidence.worlds import World

    from tuner.evidence.statistics.gain import Gain

TRIED = 10  # new studies for the figure of each
RESAMPLES = 200


class Kind(Protocol):
    """A kind of studies whose true gain can be chosen."""

    def test(self, draw: Generator, gain: float, rows: int, plan: Plan, /) -> Gain:
        """Test a baseline and an arm that is truly better by so much."""


@dataclass(frozen=True)
class Rows:
    world: World

    def test(self, draw: Generator, gain: float, rows: int, plan: Plan) -> Gain:
        level = level_for(self.world, self.world.mean(self.world.level) + gain)
        arms = two_arms(draw, self.world, level, rows, plan.models[-1])
        return tested(compare_rows, *arms, plan, 1)[0]


@dataclass(frozen=True)
class Grouped:
    """Right or wrong, alike in the rows of a group: one in five wrong on average."""

    sizes: str

    def test(self, draw: Generator, gain: float, _rows: int, plan: Plan) -> Gain:
        sizes = SIZES[self.sizes](draw)
        groups = np.repeat(np.arange(len(sizes)), sizes)
        hard = draw.normal(0, 0.6, len(sizes))[groups] + draw.normal(0, 0.5, len(groups))
        arms = []
        for error in (0.2 + gain, 0.2):
            own, models = draw.normal(0, 0.2, len(sizes)), draw.normal(0, 0.1, (plan.models[-1], 1))
            rest = draw.normal(0, 0.58, (plan.models[-1], len(groups)))
            total = (0.6**2 + 0.5**2 + 0.2**2 + 0.1**2 + 0.58**2) ** 0.5
            arms.append(hard + own[groups] + models + rest > norm.isf(error) * total)
        compare = partial(compare_rows, groups=groups)
        baseline, other = (one.astype(float) for one in arms)
        return tested(compare, baseline, other, plan, 1)[0]


@dataclass(frozen=True)
class Areas:
    """The area under the ROC curve, 0.85 for the better arm; a third of the rows are of class 1."""

    def test(self, draw: Generator, gain: float, rows: int, plan: Plan) -> Gain:
        targets = (draw.random(rows) < 1 / 3).astype(float)
        hard, noise, luck = draw.normal(0, 1, rows), 2.0, 0.1
        arms = []
        for area in (0.85 - gain, 0.85):
            apart = norm.ppf(area) * (2 * noise + luck**2) ** 0.5
            models = apart + draw.normal(0, luck, (plan.models[-1], 1))
            own = draw.normal(0, 0.5, rows)
            rest = draw.normal(0, (noise - 1.25) ** 0.5, (plan.models[-1], rows))
            found = targets * models + hard + own + rest
            arms.append(np.stack([np.zeros_like(found), found], axis=-1))
        unit, seed = unit_of_auc(targets), int(draw.integers(2**31))

        def judge(one: np.ndarray, other: np.ndarray, share: Share) -> Gain:
            return compare_scores(
                auc, one, other, targets, unit=unit, share=share, seed=seed, resamples=RESAMPLES
            )

        return tested(judge, arms[0], arms[1], plan, 1)[0]


KINDS: dict[str, tuple[Kind, tuple[int, ...]]] = {
    "classes": (Rows(WORLDS["classes"]), (200, 5_000)),
    "classes, seeds rule": (Rows(WORLDS["classes, seeds rule"]), (200, 5_000)),
    "absolute": (Rows(WORLDS["absolute"]), (200, 5_000)),
    "area under the ROC curve": (Areas(), (200,)),
    "40 groups of 10": (Grouped("40 of 10"), (400,)),
    "groups of uneven sizes": (Grouped("12 unequal"), (240,)),
}
PLANS = {"4 and 8": Plan.of(1), "4": Plan.of(1, 4), "8": Plan.of(1, 8), "24": Plan.of(1, 24)}
MOST_ROWS = 20_000  # that are tried
MOST_GAIN = 0.6  # no larger one is possible where a share is wrong
WANTED = 0.7  # of the smallest gain, for which more rows are asked


def test_again(draw: Generator, kind: Kind, gain: float, rows: int, like: Gain) -> float:
    """Return how often new studies with the looks of an earlier one detect a gain."""
    looks = like.share.looks(min(like.seeds))
    plan = Plan(
        models=tuple(look.models for look in looks),
        parts=tuple(look.alpha / ALPHA for look in looks),
        fewest=FEWEST,
    )
    said = [kind.test(draw, gain, rows, plan).verdict for _ in range(TRIED)]
    return said.count("better") / TRIED


def line(name: str, rows: int, plan: str, studies: int) -> str:
    kind, draw = KINDS[name][0], draws("power", name, rows, plan)
    told, seen, needed = [0.05], list[float](), list[float]()
    for number in range(20 + studies):  # the first ones find about the gain that is told
        gain = median(told[-20:])
        found = kind.test(draw, gain, rows, PLANS[plan])
        can = measured_certainty(found)
        if can is None or can.smallest is None or found.components is None or not found.degrees:
            continue
        told.append(can.smallest)
        if number < 20 or can.smallest > MOST_GAIN:
            continue
        seen.append(test_again(draw, kind, can.smallest, rows, found))
        wanted = WANTED * can.smallest
        more = rows_for(found.components, wanted, min(found.seeds), found.share, found.degrees)
        if more and more <= MOST_ROWS and isinstance(kind, Rows) and rows == 200:
            needed.append(test_again(draw, kind, wanted, more, found))
    rate = f"{100 * fmean(needed):.0f} % of {len(needed)}" if len(needed) > studies / 4 else "-"
    cells = name, f"{rows:,}", plan, f"{median(told):.3f}", f"{100 * fmean(seen):.0f} %", rate
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=60)
    given = parser.parse_args()
    print("| studies | rows | models | gain told | detected | with so many rows |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, (_, sizes) in KINDS.items():
        for rows, plan in product(sizes, PLANS):
            if name.startswith("area") and plan == "24":
                continue  # it takes too long
            print(line(name, rows, plan, given.studies), flush=True)


if __name__ == "__main__":
    main()
