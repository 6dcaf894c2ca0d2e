"""What a search saves, and loses, that divides the improvement it expects by what it costs.

    python studies/search/thrift.py small_digits --seeds 1 2 3 --out FILE

By all of it to the end (1), by none of it (0), or by less and less (cooling).

A line of the CSV is a search of 50 trials as `tuner study` makes it, on one core: the work of all
trials, the best score of the search, and what came of it on fresh folds: the three best are trained
on two other splits, and the best of these on three more (`fresh`).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import optuna
import torch
from folds import config_of

from tuner.case.loading import load_case
from tuner.data.sources.folders import Folders
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Job, Replica
from tuner.engines.worker import Reader, run
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.search.pruner import PRUNER, pruner_named
from tuner.search.sampler import Samplers
from tuner.search.tpe import STARTUP
from tuner.study.arms import candidates_of
from tuner.study.designing import design_for
from tuner.study.opening import open_study
from tuner.study.samplers import COOLING, GAUSSIAN, THRIFTY
from tuner.study.schema import HYPERPARAMETERS, WORK
from tuner.study.trials import scored_guesses, sign_of_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.samplers import BaseSampler

    from tuner.study.configuration import StudyConfig

HERE = Path(__file__).parent
RACE, TRUTH = (1001, 1002), (2001, 2002, 2003)  # seeds of splits
TRIALS, RACED = 50, 3
ARMS = {"0": GAUSSIAN, "1": THRIFTY, "cooling": COOLING}
SHARE_OF_SCORE = 10  # a score is the mean over the last tenth of the reports


def fresh(config: StudyConfig, hyperparameters: dict[str, Any], splits: Sequence[int]) -> float:
    scores = []
    for split in splits:
        job = Job(
            case=config.reference,
            hyperparameters=hyperparameters,
            data=config.data_folder,
            source=config.source.digest,
            replicas=(Replica(seed=split, split_seed=split),),
            plan=config.plan,
        )
        points = list(run(job, Reader()))
        last = points[-max(1, len(points) // SHARE_OF_SCORE) :]
        scores.append(fmean(one.validation for one in last if one.validation is not None))
    return fmean(scores)


def one_search(name: str, thrift: str, seed: int, folders: Folders) -> dict[str, Any]:
    reference = str(HERE / f"{name}.py")
    case = load_case(reference)
    dataset = case.dataset(folders)
    case = case.settled(dataset)
    with tempfile.TemporaryDirectory() as work:
        design = design_for(case, dataset)
        config = config_of(reference, case, dataset, seed, Path(work), PRUNER, design)
        study, config = open_study(f"sqlite:///{work}/studies.db", "one", config, pruner_named)
        mirror, samplers = Mirror(study), Samplers(ARMS[thrift])

        def sampler(seed: int, number: int, fixed: Any) -> BaseSampler:
            return samplers(seed, number, fixed, STARTUP + scored_guesses(mirror.study))

        Coordinator(mirror, config, InProcessEngine(), sampler=sampler).search(TRIALS)
        best = [one.user_attrs[HYPERPARAMETERS] for one in candidates_of(study)[:RACED]]
        on_fresh = partial(fresh, config)
        winner = max(best, key=lambda one: sign_of_study(study) * on_fresh(one, RACE))
        return {
            "case": name,
            "thrift": thrift,
            "seed": seed,
            "work": sum(one.user_attrs.get(WORK, 0.0) for one in study.trials),
            "search": study.best_value,
            "fresh": on_fresh(winner, TRUTH),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=("small_digits", "small_houses"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--thrift", choices=ARMS, nargs="+", default=list(ARMS))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    for seed in given.seeds:
        for thrift in given.thrift:
            line = one_search(given.case, thrift, seed, Folders(given=given.data_dir))
            new = not given.out.exists()
            with given.out.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, line)
                if new:
                    writer.writeheader()
                writer.writerow(line)


if __name__ == "__main__":
    main()
