"""Find the plan of a new study: train and apply the case's baseline in each way, for a moment.

The plan is an input of the study, so a repeat on a like machine has to find the same one. So speeds
are taken in processor time, which others at work on the machine hardly lengthen, and as the best of
several; and a way takes another's place only when it is clearly faster.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch

from tuner.data.examples import Examples
from tuner.data.splits import everything
from tuner.errors import UsageError
from tuner.groups import make_groups
from tuner.inference import outputs_of
from tuner.plan import Plan, computes_in_bfloat16

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from tuner.case import Case
    from tuner.data.dataset import Dataset
    from tuner.groups import Group
    from tuner.plan import Precision

# Times as fast. Beside other work, two ways that are equally fast were found up to 1.11 apart.
CLEARLY = 1.2
SECONDS = 0.8  # for each of the two measurements, once every way has had two rounds
ROUNDS = 10  # at most
# The smallest first, and so preferred. On a processor, the memory of larger ones goes back to the
# system after each and is had anew, or not, as the process's past will have it: mnist's baseline
# was applied to 10,000 or 20,000 rows a second in batches of 500, and to 20,000 in batches of 100.
EVALUATION_BATCHES = {"cpu": (100, 250, 500, 1000), "cuda": (1000, 5000, 20000)}


@dataclass(frozen=True, slots=True)
class Speed:
    """What a plan does for the baseline; no rows a second, where it cannot be computed so."""

    part: Literal["training", "evaluation"]
    plan: Plan
    rows_per_second: float


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the speeds it was chosen by; none, where a rule has chosen it."""

    plan: Plan
    speeds: tuple[Speed, ...] = ()


def precisions(
    case: Case, data: Dataset, asked: Precision | None, *, native: bool
) -> tuple[Precision, ...]:
    """Return the precisions that a study may be computed in, float32 first.

    Args:
        asked: the only one wanted.
        native: the processors compute in bfloat16.

    Raises:
        UsageError: the one that is asked for will not do.
    """
    if data.pixels is None:
        reason = "buys tables nothing, and their folds are trained as one stack, in float32"
    elif case.task == "regression":
        reason = "would round what a regression predicts to three digits"
    elif not native:
        reason = "would be emulated, because not every processor here computes in it"
    else:
        return (asked,) if asked else ("float32", "bfloat16")
    if asked == "bfloat16":
        raise UsageError(f"--precision bfloat16 {reason}; leave it out, or ask for float32")
    return ("float32",)


def make_plan(
    case: Case, data: Dataset, precision: Precision | None = None, bench: Bench | None = None
) -> Planned:
    """Choose how fits of a new study use this machine.

    Tables are not measured: nothing but float32 will do, and a memory format is of images.
    Threads are not, either. How much a second one gains on two cores is a matter of who else is at
    work: it trained mnist's baseline 1.65 times as fast, and 0.94 times a moment later. Several
    workers take each other's cores so, and who has one, and cores to spare, may want them spared.

    Args:
        precision: the only one wanted; None: the fastest.
        bench: what to measure with, where it is not the case's baseline.

    Raises:
        UsageError: the precision will not do for this case or this machine.
    """
    plain = Plan.for_machine(images=False)
    able = precisions(case, data, precision, native=computes_in_bfloat16(plain.device))
    if data.pixels is None:
        return Planned(plain)
    bench = bench or Bench(case, data, plain.device)
    ways = [
        replace(plain, precision=one, channels_last=last) for one in able for last in (False, True)
    ]
    trained = bench.training(ways)
    chosen = clearly_fastest(trained)
    # Of a model that takes longer than a second for a batch, larger ones save nothing.
    most = min(len(data.development), chosen.rows_per_second)
    default, *others = EVALUATION_BATCHES[plain.device]
    sizes = [default, *(size for size in others if size <= most)]
    plans = [replace(chosen.plan, evaluation_batch=size) for size in sizes]
    if len(plans) == 1:
        return Planned(plans[0], tuple(trained))
    applied = bench.evaluation(plans)
    return Planned(clearly_fastest(applied).plan, (*trained, *applied))


def clearly_fastest(speeds: Sequence[Speed]) -> Speed:
    """Return the first, or one after it that is clearly faster than what it is chosen over."""
    chosen, *others = speeds
    for other in others:
        if other.rows_per_second > CLEARLY * chosen.rows_per_second:
            chosen = other
    return chosen


class Bench:
    """The baseline of a case, on the first rows of its data, to be timed under any plan."""

    def __init__(self, case: Case, data: Dataset, device: str) -> None:
        self.case, self.on_gpu = case, device == "cuda"
        # A one-cycle schedule ends with the epochs; a measurement may go on.
        self.hyperparameters = replace(case.baseline, one_cycle=False)
        rows, count = data.development, max(*EVALUATION_BATCHES[device], case.baseline.batch_size)
        few = Examples(features=rows.features[:count], targets=rows.targets[:count])
        self.data = replace(data, development=few)

    def training(self, plans: Sequence[Plan]) -> list[Speed]:
        """Measure optimizer steps, one batch each."""
        best = self._time([self._train(plan) for plan in plans])
        return [Speed("training", plan, speed) for plan, speed in zip(plans, best, strict=True)]

    def evaluation(self, plans: Sequence[Plan]) -> list[Speed]:
        """Measure the application to as many rows as the largest batch has."""
        rows = max(plan.evaluation_batch for plan in plans)
        best = self._time([self._evaluate(plan, rows) for plan in plans])
        return [Speed("evaluation", plan, speed) for plan, speed in zip(plans, best, strict=True)]

    def _group(self, plan: Plan) -> Group:
        parts = everything(self.data.development)
        return make_groups(self.case, self.hyperparameters, self.data, parts, plan)[0]

    def _train(self, plan: Plan) -> Iterator[int]:
        group = self._group(plan)
        batch = group.shuffled()[0]
        while True:
            group.train([batch])
            yield len(batch)

    def _evaluate(self, plan: Plan, rows: int) -> Iterator[int]:
        group = self._group(plan)
        features = group.features[:rows]
        while True:
            outputs_of(group.model, features, group.scaler, plan)
            yield len(features)

    def _time(self, ways: Sequence[Iterator[int]]) -> list[float]:
        """Return the most rows a second of each; the ways take turns, and the first is slow."""
        best = [0.0] * len(ways)
        ends = time.monotonic() + SECONDS
        with _like_a_fit():
            for number in range(ROUNDS):
                if number >= 2 and time.monotonic() > ends:
                    break
                for place, way in enumerate(ways):
                    best[place] = max(best[place], self._rows_per_second(way))
        return best

    def _rows_per_second(self, way: Iterator[int]) -> float:
        """Take a step; a case may break in any way, here as in a fit, and some ways only do so."""
        began = self._clock()
        try:
            rows = next(way)
        except (Exception, SystemExit):
            return 0.0
        return rows / max(self._clock() - began, 1e-9)

    def _clock(self) -> float:
        if not self.on_gpu:
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


@contextmanager
def _like_a_fit() -> Generator[None]:
    """Compute as a fit does, on one thread, and leave the process as it was."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(0)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
