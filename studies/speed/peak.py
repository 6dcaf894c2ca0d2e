"""Which share of the machine's peak training reaches: matrix products alone, then trainings.

    python studies/speed/peak.py --data-dir DIR --out studies/speed/peak.csv

One process a core at the same time, each of one thread, as a study trains. Of the products of
square matrices the best size and the best of several counts as the peak, of its repeat and
precision. Trainings are the optimizer steps of tuner's own trainer: the baseline and the recipe of
each case, and a wide network of its search space; validation is left out of both work and time. The
work of a row is that of the products of its forward pass, as torch counts them, times three:
backward has two products for each of them. Rates are sums over the processes. Interrupted, it goes
on where it was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from records import append, read
from torch.utils.flop_counter import FlopCounterMode

from tuner.case.contract import Case, Hyperparameters, Shape
from tuner.case.loading import load_case
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.data.splits import folds
from tuner.machine import usable_cores
from tuner.training.learner import make_learners
from tuner.training.plan import Plan
from tuner.training.step import make_trainers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Barrier

    from torch import Tensor

    from tuner.training.plan import Precision
    from tuner.training.step import Trainer

SPAWN = multiprocessing.get_context("spawn")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
SIZES = (1024, 1536, 2048)
TRIES = 10
SECONDS_TO_PREPARE = 300.0  # after which another process has failed
STEPS = 8  # between two looks at the clock
PRODUCTS = "matrix product"
WIDE: dict[str, dict[str, Any]] = {
    "mnist": {"depth": 3, "width": 32, "padding": True, "batch_norm": True, "batch_size": 128},
    "flowers": {"depth": 3, "width": 32, "padding": True, "batch_norm": True, "batch_size": 16},
    "housing": {"depth": 3, "width": 128, "batch_size": 64},
}


class Rate(NamedTuple):
    """What a process got done."""

    flop_per_row: float
    rows_per_second: float


def multiply(size: int, precision: Precision) -> Rate:
    """Multiply square matrices; a row is a product."""
    torch.set_num_threads(1)
    left, right = torch.randn(2, size, size, dtype=getattr(torch, precision)).unbind()
    made = left @ right
    _all_ready()
    taken = []
    for _ in range(TRIES):
        began = time.perf_counter()
        torch.mm(left, right, out=made)
        taken.append(time.perf_counter() - began)
    return Rate(2.0 * size**3, 1 / min(taken))


def train(name: str, configuration: str, precision: Precision, data: Path, seconds: float) -> Rate:
    """Train for some seconds, all folds in turn."""
    torch.set_num_threads(1)
    case, dataset = load_case(name), cache.load(data)
    parts = folds(dataset.development, dataset.validation, 0)
    hyperparameters = configurations(case)[configuration]
    plan = replace(Plan.for_machine(images=dataset.pixels is not None), precision=precision)
    network = case.build(hyperparameters, Shape(dataset.row_shape, dataset.outputs))
    learners = make_learners(case, hyperparameters, dataset, parts, 0)
    steps = _steps(make_trainers(case, hyperparameters, dataset, learners, plan))
    for _ in parts:  # the first steps allocate
        trainer, batches = next(steps)
        trainer.train(batches)
    _all_ready()
    rows, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        trainer, batches = next(steps)
        trainer.train(batches)
        rows += sum(batch.numel() for batch in batches)
    return Rate(flop_per_row(network, dataset.row_shape), rows / taken)


def configurations(case: Case) -> dict[str, Hyperparameters]:
    """What of a case is trained."""
    wide = replace(case.baseline, **WIDE[case.name])
    return {"baseline": case.baseline, "recipe": case.recipe, "wide": wide}


def flop_per_row(network: torch.nn.Module, row_shape: tuple[int, ...]) -> float:
    """Operations of the products of a row, forward and backward."""
    bare = deepcopy(network).to("meta").train()  # which computes nothing
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        bare(torch.zeros(2, *row_shape, device="meta"))  # BatchNorm refuses to train on one row
    return 1.5 * float(counter.get_total_flops())


def _steps(trainers: list[Trainer]) -> Iterator[tuple[Trainer, list[Tensor]]]:
    """Some steps of one trainer after the other, for ever."""
    left: dict[int, list[Tensor]] = {}
    while True:
        for place, trainer in enumerate(trainers):
            batches = left.get(place) or trainer.shuffled()
            left[place] = batches[STEPS:]
            yield trainer, batches[:STEPS]


class SideBySide:
    """A process a core, all of which run the same measurement at the same time."""

    def __init__(self) -> None:
        self.cores = usable_cores()
        self.pool = ProcessPoolExecutor(
            self.cores, SPAWN, initializer=_share, initargs=(SPAWN.Barrier(self.cores),)
        )

    def measure(self, measurement: Callable[..., Rate], *what: Any) -> Rate:
        """Run it; add the rates up. Each waits for all, so no process can take two of them."""
        runs = [self.pool.submit(measurement, *what) for _ in range(self.cores)]
        rates = [run.result() for run in runs]
        return Rate(rates[0].flop_per_row, sum(rate.rows_per_second for rate in rates))


_barriers: list[Barrier] = []  # one, in a process of the pool


def _share(barrier: Barrier) -> None:
    """Have a process know what all of them wait at."""
    _barriers.append(barrier)


def _all_ready() -> None:
    _barriers[0].wait(SECONDS_TO_PREPARE)


def _row(
    case: str, configuration: str, precision: str, repeat: int, rate: Rate, peak: float
) -> dict[str, Any]:
    gflop = rate.flop_per_row * rate.rows_per_second / 1e9
    return {
        "case": case,
        "configuration": configuration,
        "precision": precision,
        "repeat": repeat,
        "processes": usable_cores(),
        "mflop_per_row": rate.flop_per_row / 1e6,
        "rows_per_second": rate.rows_per_second,
        "gflop_per_second": gflop,
        "peak_gflop_per_second": peak or gflop,
        "share": gflop / (peak or gflop),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", nargs="+", choices=WIDE, default=list(WIDE))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each training")
    parser.add_argument("--data-dir", type=Path, help="folder of the raw data; housing needs none")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = {}
        for name in given.case:
            dataset = load_case(name).dataset(Folders(given=given.data_dir))
            data[name] = cache.store(dataset, Path(folder))
        side_by_side = SideBySide()
        with side_by_side.pool:
            for repeat in range(given.repeats):
                for precision in PRECISIONS:
                    _measure(side_by_side, precision, repeat, data, given.seconds, given.out)
    _print_shares(given.out)


def _measure(
    side_by_side: SideBySide,
    precision: Precision,
    repeat: int,
    data: dict[str, Path],
    seconds: float,
    out: Path,
) -> None:
    """Measure what is not in `out` yet of one repeat, the peak first."""
    known = {
        (row["case"], row["configuration"]): row
        for row in read(out)
        if (row["precision"], row["repeat"]) == (precision, str(repeat))
    }
    if (PRODUCTS, "") in known:
        peak = float(known[PRODUCTS, ""]["gflop_per_second"])
    else:
        rates = [side_by_side.measure(multiply, size, precision) for size in SIZES]
        best = max(rates, key=lambda rate: rate.flop_per_row * rate.rows_per_second)
        row = _row(PRODUCTS, "", precision, repeat, best, 0.0)
        peak = row["gflop_per_second"]
        append(out, row)
        print(row, flush=True)
    for name, folder in data.items():
        for configuration in configurations(load_case(name)):
            if (name, configuration) in known:
                continue
            rate = side_by_side.measure(train, name, configuration, precision, folder, seconds)
            row = _row(name, configuration, precision, repeat, rate, peak)
            append(out, row)
            print(row, flush=True)


def _print_shares(out: Path) -> None:
    shares: dict[tuple[str, str, str], list[float]] = {}
    for row in read(out):
        key = row["case"], row["configuration"], row["precision"]
        shares.setdefault(key, []).append(float(row["share"]))
    for key, values in shares.items():
        print(*filter(None, key), f"{median(values):.1%} of the peak, {len(values)} runs")


if __name__ == "__main__":
    main()
