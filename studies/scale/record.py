"""Record what trainings cost: seconds on one core against the work that virtual time counts.

    PYTHONPATH=. python studies/scale/record.py --data-dir DIR --out studies/scale/costs.csv

Each complete configuration of the three reference studies is trained for some seconds of processor
time, its folds in lockstep as in a study. From this file the simulation knows how long a point of a
training takes, and how far off virtual time is.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import torch
from optuna.trial import TrialState
from tests.search.simulation import timed_study

from tuner.case.loading import load_case
from tuner.data.sources.folders import Folders
from tuner.data.splits import folds
from tuner.training.fitting import fit
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 3.0  # of processor time a configuration, and one point at least


def costs(name: str, data_dir: Path | None) -> Iterator[tuple[int, float, float]]:
    """Yield each complete trial's number, and what a point of it took in work and in seconds."""
    case = load_case(name)
    data = case.dataset(Folders(given=data_dir))
    parts = folds(data.development, data.validation, 0)
    plan = Plan.for_machine(images=data.pixels is not None)
    for trial in timed_study(name).get_trials(states=(TrialState.COMPLETE,)):
        hyperparameters = case.hyperparameters(trial.user_attrs["hyperparameters"])
        training = fit(case, hyperparameters, data, parts, 0, plan)
        began = time.process_time()
        seconds = 0.0
        while seconds < SECONDS and (point := next(training, None)) is not None:
            last, seconds = point, time.process_time() - began
        yield trial.number, last.work / last.step, seconds / last.step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", nargs="+", default=["housing", "flowers", "mnist"])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with given.out.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["case", "trial", "work", "seconds"])
        for name in given.case:
            ratios = []
            for number, work, seconds in costs(name, given.data_dir):
                out.writerow([name, number, f"{work:.4g}", f"{seconds:.4g}"])
                file.flush()
                ratios.append(math.log(seconds / work))
            print(
                f"{name}: {len(ratios)} trainings, {math.exp(fmean(ratios)):.3g} s a unit of work; "
                f"its logarithm varies by {stdev(ratios):.2f} (standard deviation)"
            )


if __name__ == "__main__":
    main()
