"""Trainings, measured: what a step takes, recorded or not, alone, side by side, in processes.

    python studies/gpu/trainings.py baseline steps sharing turns work profile --data-dir DIR

Prints a line of JSON for each result.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import math
import pstats
import statistics
import time
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import torch

from sampling import sampled
from tuner.case.loading import load_case
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.data.splits import everything, folds
from tuner.engines.cards import visible_cards
from tuner.engines.hosting import host
from tuner.engines.job import Failed, Finished, Job, Replica, run_all
from tuner.engines.processes import ProcessEngine
from tuner.training import fitting
from tuner.training.fitting import fit
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold
    from tuner.training.plan import Plan


# Trainings at once, and processes that they are in: the first as `--workers 4` has them.
SHARING = ((4, 1), (1, 1), (8, 1), (8, 2), (16, 1), (16, 2))
SHARING_CORES = ((1, 1), (2, 2))


class Bench:
    """A case with its data, and the plan of this machine."""

    def __init__(self, name: str, given: argparse.Namespace) -> None:
        case: Case = load_case(name)
        self.data: Dataset = case.dataset(Folders(given=given.data_dir, own=given.own))
        self.case = case.settled(self.data)
        self.plan: Plan = plan_for(case.task, images=self.data.pixels is not None)
        torch.set_num_threads(self.plan.threads)

    def splits(self, count: int) -> Sequence[Fold]:
        made = folds(self.data.development, self.data.validation, 0)
        return [made[place % len(made)] for place in range(count)]

    def drawn(self, number: int, **fixed: Any) -> Any:
        """Draw hyperparameters of the case's space."""
        sampler = optuna.samplers.RandomSampler(seed=number)
        trial = optuna.create_study(sampler=sampler).ask()
        return replace(self.case.suggest(trial), **fixed)

    def train(self, hyperparameters: Any, parts: Sequence[Fold], epochs: int | None = None) -> Any:
        """Train to the end: -> seconds without the first epoch, and the work in that time."""
        seeds = list(range(len(parts)))
        running = fit(
            self.case, hyperparameters, self.data, parts, seeds, self.plan, stop_after=epochs
        )
        points = [(time.perf_counter(), point) for point in running]
        first = next(place for place, (_, point) in enumerate(points) if point.ends_epoch)
        seconds = points[-1][0] - points[first][0]
        return seconds, points[-1][1].work - points[first][1].work

    def steps(self, hyperparameters: Any, fold: Fold, epochs: int) -> int:
        size: int = hyperparameters.batch_size
        return math.ceil(len(fold.training) / size) * epochs


def tell(**result: Any) -> None:
    """Print a result."""
    print(json.dumps(result), flush=True)


def baseline(given: argparse.Namespace) -> None:
    """One training of mnist's baseline: 5 epochs of 60,000 images in batches of 64."""
    bench = Bench(given.images[0], given)
    taken, firsts = [], []
    for _ in range(1 if given.quick else 3):
        began = time.perf_counter()
        whole = everything(bench.data.development)
        running = fit(bench.case, bench.case.baseline, bench.data, whole, 0, bench.plan)
        points = [(time.perf_counter() - began, point) for point in running]
        taken.append(round(time.perf_counter() - began, 2))
        firsts.append(round(points[0][0], 2))
    tell(
        case=bench.case.name,
        rows=len(bench.data.development),
        epochs=bench.case.baseline.epochs,
        seconds=taken,  # the first has CUDA's start in it
        seconds_to_first_point=firsts,
        train_loss=points[-1][1].train_loss,
        precision=bench.plan.precision,
    )


def steps(given: argparse.Namespace) -> None:
    """Microseconds a step: as it is and recorded, of one network and of several side by side."""
    for name in given.images:
        bench = Bench(name, given)
        slow = replace(bench.case, cuda_graph=False)
        epochs = 2 if name == "mnist" else 12
        for number in (0, 1):
            hyperparameters = bench.drawn(number, epochs=epochs)
            count = bench.steps(hyperparameters, bench.splits(1)[0], epochs - 1)
            took: dict[str, float] = {}
            for together in (1, 2, 5, 10):
                seconds, _ = bench.train(hyperparameters, bench.splits(together))
                took[f"recorded, {together}"] = round(1e6 * seconds / count)
            recorded, bench.case = bench.case, slow
            seconds, _ = bench.train(hyperparameters, bench.splits(1), 2)
            bench.case = recorded
            took["not recorded, 1"] = round(1e6 * seconds * (epochs - 1) / count)
            tell(case=name, number=number, steps=count, microseconds=took)


def work(given: argparse.Namespace) -> None:
    """How far seconds a work differ among configurations: the deviation of their logarithm."""
    for name in given.images:
        bench = Bench(name, given)
        ratios: list[float] = []
        rows: list[dict[str, Any]] = []
        for number in range(3 if given.quick else 10):
            epochs = 2 if name == "mnist" else 9
            hyperparameters = bench.drawn(number, epochs=epochs)
            seconds, done = bench.train(hyperparameters, bench.splits(1))
            ratios.append(math.log(seconds / done))
            rows.append({**asdict(hyperparameters), "seconds": seconds, "work": done})
        tell(
            case=name,
            configurations=len(ratios),
            deviation=round(statistics.stdev(ratios), 3),
            work_a_second=math.exp(-statistics.fmean(ratios)),
            rows=rows,
        )


def profile(given: argparse.Namespace) -> None:
    """What the processor does in a short training: the dearest functions."""
    bench = Bench(given.images[1], given)
    hyperparameters = bench.drawn(0, epochs=20)
    bench.train(hyperparameters, bench.splits(2))
    watched = cProfile.Profile()
    began = time.perf_counter()
    watched.runcall(bench.train, hyperparameters, bench.splits(2))
    seconds = time.perf_counter() - began
    rows = pstats.Stats(watched).stats  # type: ignore[attr-defined]
    named = [
        (round(total, 3), round(own, 3), calls, f"{Path(file).name}:{line} {function}")
        for (file, line, function), (_, calls, own, total, _) in rows.items()
    ]
    tell(
        case=bench.case.name,
        seconds=round(seconds, 2),
        in_all=sorted(named, reverse=True)[:25],
        own=sorted(named, key=lambda row: -row[1])[:20],
    )


def jobs_of(bench: Bench, given: argparse.Namespace) -> dict[int, Job]:
    """The same trainings for all who are compared: of configurations drawn from the space."""
    data = cache.store(bench.data, given.own / "cache")
    epochs = 2 if bench.case.name == "mnist" else 24
    return {
        number: Job(
            case=bench.case.name,
            hyperparameters=asdict(bench.drawn(number, epochs=epochs)),
            data=data,
            replicas=(Replica(seed=number, split_seed=0, folds=2),),
            plan=bench.plan,
        )
        for number in range(4 if given.quick else 16)
    }


def sharing(given: argparse.Namespace) -> None:
    """Seconds for the same trainings, by how many share the card and in how many processes."""
    cards = visible_cards()
    for name in given.images:
        jobs = jobs_of(Bench(name, given), given)
        for at_once, processes in SHARING if cards else SHARING_CORES:
            with closing(ProcessEngine(at_once, cards=cards, processes=processes)) as engine:
                run_all(engine, dict.fromkeys(range(processes), jobs[0]), _nothing)  # CUDA's start
                with sampled() as samples:
                    began = time.perf_counter()
                    run_all(engine, jobs, _nothing)
                    seconds = time.perf_counter() - began
            tell(
                case=name,
                trainings=len(jobs),
                at_once=at_once,
                processes=processes,
                seconds=round(seconds, 2),
                **samples.facts(),
            )


def _nothing(key: int, end: Finished | Failed, points: object) -> None:
    del points
    if isinstance(end, Failed):
        tell(sharing=key, failed=end.reason)


class Jobs:
    """The end of a pipe over which jobs come, so many at once."""

    def __init__(self, jobs: Mapping[int, Job], at_once: int) -> None:
        self.waiting, self.free = list(jobs.items()), at_once

    def poll(self) -> bool:
        return bool(self.waiting) and self.free > 0

    def recv(self) -> tuple[int, Job]:
        if not self.waiting:
            raise EOFError
        self.free -= 1
        return self.waiting.pop(0)

    def send(self, message: tuple[int, Any]) -> None:
        key, event = message
        if isinstance(event, Finished | Failed):
            self.free += 1
            _nothing(key, event, ())


def turns(given: argparse.Namespace) -> None:
    """Seconds for the same trainings in this process, by how many steps one queues in its turn."""
    cards = visible_cards()
    for name in given.images:
        jobs = jobs_of(Bench(name, given), given)
        host(Jobs({0: jobs[0]}, 1), cards[0] if cards else None)  # CUDA's start
        for steps_in_turn in (8, 16, 32, 4):
            fitting.STEPS_IN_TURN = steps_in_turn
            with sampled() as samples:
                began = time.perf_counter()
                host(Jobs(jobs, 8), cards[0] if cards else None)
                seconds = time.perf_counter() - began
            tell(
                case=name,
                trainings=len(jobs),
                steps_in_turn=steps_in_turn,
                seconds=round(seconds, 2),
                **samples.facts(),
            )


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "baseline": baseline,
    "steps": steps,
    "sharing": sharing,
    "turns": turns,
    "work": work,
    "profile": profile,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=list(PARTS))
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST and Flowers-102")
    parser.add_argument("--own", type=Path, required=True, help="folder for data of tuner's own")
    parser.add_argument("--images", nargs=2, default=["mnist", "flowers"], help="cases")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for part in given.parts:
        with suppress(KeyboardInterrupt):
            PARTS[part](given)


if __name__ == "__main__":
    main()
