"""Measure samplers on the problems of `problems.py`: the mean normalised regret after 50 trials.

    python studies/search/regret.py --seeds 1 2 3 --out studies/search/regret.csv

A line of the CSV is one study without noise and pruning, one trial at a time. `regret` is 0 for the
best of 2,000 random draws and 1 for their median. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import warnings
from collections import defaultdict
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import optuna
import problems
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from tuner.search.sampler import SAMPLER, Samplers
from tuner.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Callable


def _ours() -> Callable[[int, int], BaseSampler]:
    samplers = Samplers(SAMPLER)
    return lambda seed, number: samplers(seed, number, {})


def _reseeded(
    make: Callable[[int], BaseSampler],
) -> Callable[[], Callable[[int, int], BaseSampler]]:
    return lambda: lambda seed, number: make(derive(seed, "sampler", number))


SAMPLERS: dict[str, Callable[[], Callable[[int, int], BaseSampler]]] = {
    "gaussian": _ours,
    "random": _reseeded(lambda seed: RandomSampler(seed=seed)),
    "tpe-univariate": _reseeded(lambda seed: TPESampler(seed=seed, multivariate=False)),
    "tpe": _reseeded(lambda seed: TPESampler(seed=seed)),
    "gp": _reseeded(lambda seed: GPSampler(seed=seed)),
    "gp-deterministic": _reseeded(lambda seed: GPSampler(seed=seed, deterministic_objective=True)),
}


def one_study(problem: str, sampler: str, seed: int, trials: int) -> dict[str, Any]:
    study, make = optuna.create_study(), SAMPLERS[sampler]()
    for number in range(trials):
        study.sampler = make(seed, number)
        trial = study.ask()
        study.tell(trial, problems.PROBLEMS[problem](trial))
    worth = json.loads(problems.KEPT.read_text())[problem]
    regret = (study.best_value - worth["best"]) / (worth["median"] - worth["best"])
    return {
        "problem": problem,
        "held_out": problem in problems.HELD_OUT,
        "sampler": sampler,
        "seed": seed,
        "trials": trials,
        "regret": round(regret, 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", default=list(SAMPLERS), metavar="SAMPLER")
    parser.add_argument("--problems", nargs="+", default=list(problems.PROBLEMS))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # models that do not converge are part of the problems
    rows: list[dict[str, Any]] = []
    if arguments.out.exists():
        with arguments.out.open(newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(row["sampler"], row["problem"], int(row["seed"])) for row in rows}
    for seed in arguments.seeds:
        for problem in arguments.problems:
            for sampler in arguments.only:
                if (sampler, problem, seed) in done:
                    continue
                row = one_study(problem, sampler, seed, arguments.trials)
                new = not arguments.out.exists()
                with arguments.out.open("a", newline="") as file:
                    writer = csv.DictWriter(file, list(row), lineterminator="\n")
                    if new:
                        writer.writeheader()
                    writer.writerow(row)
                rows.append(row)
    _print(rows)


def _print(rows: list[dict[str, Any]]) -> None:
    """The mean regret of each sampler, and its standard error over problems."""
    for held_out in ("False", "True"):
        print("held out" if held_out == "True" else "looked at while it was built")
        for sampler in dict.fromkeys(row["sampler"] for row in rows):
            by_problem = defaultdict(list)
            for row in rows:
                if row["sampler"] == sampler and str(row["held_out"]) == held_out:
                    by_problem[row["problem"]].append(float(row["regret"]))
            means = [fmean(regrets) for regrets in by_problem.values()]
            if len(means) > 1:
                error = stdev(means) / len(means) ** 0.5
                print(f"  {sampler:20} {fmean(means):7.4f} +- {error:.4f}")


if __name__ == "__main__":
    main()
