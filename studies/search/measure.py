"""Measure samplers and pruners on real studies of a case: score found, and work done for it.

    python studies/search/measure.py housing --seeds 1 2 --out studies/search/housing.csv

Each line of the CSV is one study of `--trials` trials, run as `tuner.study` runs it, on one core.
`validation` is the best complete trial's score; `work` what all trials did.
Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import torch
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from tuner.case.loading import load_case
from tuner.case.source import source_of
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.engines.inprocess import InProcessEngine
from tuner.search.bayesian import BayesianSampler
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.search.pruner import TaperingPruner
from tuner.search.scoring import STAGES
from tuner.search.tpe import Columns
from tuner.seeds import derive
from tuner.study.configuration import StudyConfig
from tuner.study.opening import open_study
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial


class FixedBudget(BasePruner):
    """Stop every trial at `step`, unless it is then the best of all that came so far."""

    def __init__(self, step: int) -> None:
        self.step = step

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        if trial.last_step is None or trial.last_step != self.step:
            return False
        maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
        sign = 1 if maximize else -1
        others = [
            sign * other.intermediate_values[self.step]
            for other in study.get_trials(deepcopy=False)
            if other.number != trial.number and self.step in other.intermediate_values
        ]
        return bool(others) and sign * trial.intermediate_values[self.step] <= max(others)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "tpe-univariate": lambda seed: TPESampler(seed=seed, multivariate=False),
    "tpe-8-candidates": lambda seed: TPESampler(seed=seed, multivariate=False, n_ei_candidates=8),
    "tpe-quarter-good": lambda seed: TPESampler(
        seed=seed, multivariate=False, gamma=lambda count: max(1, count // 4)
    ),
    "tpe-group": lambda seed: TPESampler(seed=seed, group=True),
    "tpe-20-first": lambda seed: TPESampler(seed=seed, n_startup_trials=20),
    "gp": lambda seed: GPSampler(seed=seed, deterministic_objective=True),
    "gaussian": lambda seed: BayesianSampler(seed, Columns()),
    "random": lambda seed: RandomSampler(seed=seed),
}
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "median": lambda: MedianPruner(n_startup_trials=5),
    "median-from-half": lambda: MedianPruner(n_startup_trials=5, n_warmup_steps=STAGES // 2),
    "tapering": TaperingPruner,
    "tapering-1-25": lambda: TaperingPruner(power=1, least=0.25),
    "tapering-3-15": lambda: TaperingPruner(power=3, least=0.15),
    "tapering-3-10": lambda: TaperingPruner(power=3, least=0.1),
    "asha-2": lambda: SuccessiveHalvingPruner(min_resource=2, reduction_factor=2),
    "asha-4": lambda: SuccessiveHalvingPruner(min_resource=2, reduction_factor=4),
    "hyperband": lambda: HyperbandPruner(min_resource=2, max_resource=STAGES, reduction_factor=3),
    "fixed-budget": lambda: FixedBudget(8),
}
# Every sampler under the pruner in use, and every pruner under one sampler.
PAIRS = list(
    dict.fromkeys(
        [
            *((sampler, "tapering") for sampler in SAMPLERS),
            *(("tpe-univariate", pruner) for pruner in PRUNERS),
            ("gaussian", "tapering-3-10"),
            ("gp", "none"),
        ]
    )
)


def one_study(
    reference: str, sampler: str, pruner: str, seed: int, trials: int, data_dir: Path | None
) -> dict[str, Any]:
    case = load_case(reference)
    dataset = case.dataset(Folders(given=data_dir))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as work:
        config = StudyConfig(
            case=case,
            reference=reference,
            source=source_of(reference),
            dataset=dataset,
            data_folder=cache.store(dataset, Path(work)),
            seed=seed,
            fixed={},
            plan=Plan.for_machine(images=dataset.pixels is not None),
        )
        prunes, make = PRUNERS[pruner](), SAMPLERS[sampler]
        url = f"sqlite:///{work}/studies.db"
        study, config = open_study(url, "one", config, lambda _: prunes)
        coordinator = Coordinator(
            Mirror(study),
            config,
            InProcessEngine(),
            sampler=lambda seed, number, _: make(derive(seed, "sampler", number)),
        )
        coordinator.search(trials)
        ended = study.get_trials(deepcopy=False)
        return {
            "case": dataset.name,
            "sampler": sampler,
            "pruner": pruner,
            "seed": seed,
            "trials": trials,
            "validation": study.best_value,
            "work": sum(trial.user_attrs["work"] for trial in ended),
            "pruned": sum(trial.state.name == "PRUNED" for trial in ended),
            "failed": sum(trial.state.name == "FAIL" for trial in ended),
            "seconds": time.perf_counter() - began,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--only", nargs="+", metavar="SAMPLER/PRUNER", help="default: all pairs")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    torch.set_num_threads(1)
    done = set()
    if arguments.out.exists():
        with arguments.out.open(newline="") as file:
            done = {(r["sampler"], r["pruner"], int(r["seed"])) for r in csv.DictReader(file)}
    for seed in arguments.seeds:
        for sampler, pruner in PAIRS:
            wanted = not arguments.only or f"{sampler}/{pruner}" in arguments.only
            if not wanted or (sampler, pruner, seed) in done:
                continue
            row = one_study(
                arguments.case, sampler, pruner, seed, arguments.trials, arguments.data_dir
            )
            new = not arguments.out.exists()
            with arguments.out.open("a", newline="") as file:
                writer = csv.DictWriter(file, list(row), lineterminator="\n")
                if new:
                    writer.writeheader()
                writer.writerow(row)
            print(row, flush=True)


if __name__ == "__main__":
    main()
