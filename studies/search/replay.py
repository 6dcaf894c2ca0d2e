"""Replay pruners over trainings that were all let end: what each would have saved, and lost.

    python studies/search/replay.py housing --trials 40 --out studies/search/pruners-housing.csv

Trains random configurations to their end, once; then gives them to each pruner in `--replicates`
random orders, point by point. `work` is the share of the work that is done with it, `best_kept` how
often the best configuration was let end, `top5_kept` how many of the five best. Interrupted, it
goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import random
import warnings
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import optuna
import torch
from measure import PRUNERS
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from tuner.case.loading import load_case
from tuner.case.source import source_of
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.engines.inprocess import InProcessEngine
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.seeds import derive
from tuner.study.configuration import StudyConfig
from tuner.study.opening import open_study
from tuner.study.trials import sign_of_study
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial

    from tuner.case.metric import Direction

TOP = 5


def trainings(reference: str, count: int, folder: Path, data_dir: Path | None) -> optuna.Study:
    """Train random configurations to their end, on one core."""
    case = load_case(reference)
    dataset = case.dataset(Folders(given=data_dir))
    config = StudyConfig(
        case=case,
        reference=reference,
        source=source_of(reference),
        dataset=dataset,
        data_folder=cache.store(dataset, folder / "cache"),
        seed=0,
        fixed={},
        plan=Plan.for_machine(images=dataset.pixels is not None),
    )
    url = f"sqlite:///{folder}/{dataset.name}.db"
    study, config = open_study(url, dataset.name, config, lambda _: NopPruner())
    Coordinator(
        Mirror(study),
        config,
        InProcessEngine(),
        sampler=lambda seed, number, _: RandomSampler(seed=derive(seed, "sampler", number)),
    ).search(count)
    return study


def replay(
    trials: Sequence[FrozenTrial], direction: Direction, make: Callable[[], BasePruner]
) -> dict[int, float]:
    """Give trials to a pruner one after the other; return what share of each one's work is done."""
    study = optuna.create_study(direction=direction, pruner=make(), sampler=RandomSampler(seed=0))
    done = {}
    for stored in trials:
        trial = study.ask()
        steps = sorted(stored.intermediate_values)
        for step in steps:
            trial.report(stored.intermediate_values[step], step)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                done[stored.number] = step / steps[-1]
                break
        else:
            study.tell(trial, stored.values[0])
            done[stored.number] = 1.0
    return done


def measure(study: optuna.Study, name: str, replicates: int) -> dict[str, Any]:
    """Replay one pruner over many orders."""
    direction: Direction = "maximize" if sign_of_study(study) > 0 else "minimize"
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    sign = -1 if direction == "maximize" else 1
    ranked = [t.number for t in sorted(complete, key=lambda trial: sign * trial.values[0])]
    work = {trial.number: trial.user_attrs["work"] for trial in complete}
    shares, best, top = [], [], []
    for seed in range(replicates):
        order = random.Random(seed).sample(complete, len(complete))
        done = replay(order, direction, PRUNERS[name])
        shares.append(sum(done[n] * work[n] for n in done) / sum(work.values()))
        best.append(done[ranked[0]] == 1)
        top.append(fmean(done[n] == 1 for n in ranked[:TOP]))
    return {
        "case": study.study_name,
        "pruner": name,
        "trainings": len(complete),
        "replicates": replicates,
        "work": round(fmean(shares), 3),
        "best_kept": round(fmean(best), 3),
        "top5_kept": round(fmean(top), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--replicates", type=int, default=40)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("storage/replay"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    study = trainings(arguments.case, arguments.trials, arguments.folder, arguments.data_dir)
    rows = [measure(study, name, arguments.replicates) for name in PRUNERS]
    with arguments.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
