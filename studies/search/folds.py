"""Two of five folds, the sharper pruner and the race of six, against the rules before.

    python studies/search/folds.py housing --seeds 1 2 3 --out studies/search/folds.csv

Each line of the CSV is the search and the race of one study, on one core. `search` and `race` are
their work; `promised` is the score that the winner had in the search, `fresh` the one in the race,
and `truth` its mean score on further folds that chose nothing (`--truth` of them). No test row is
read. Interrupted, it goes on where it was.

Rules: "before" is what studies without rules on record keep; the others change one thing after
another, and "now" is what a study gets that begins now.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import optuna
import torch

from tuner.case.loading import load_case
from tuner.case.source import source_of
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.engines.inprocess import InProcessEngine
from tuner.evidence.jobs import configuration_of
from tuner.evidence.rounds.racing import race_on_fresh_folds
from tuner.evidence.rounds.trainings import Trainings
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.search.pruner import PRUNER, pruner_named
from tuner.search.sampler import SAMPLER
from tuner.study.arms import arms_of, candidates_of
from tuner.study.configuration import StudyConfig
from tuner.study.design import SQUARE, Design
from tuner.study.designing import design_for
from tuner.study.opening import open_study
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

FAR = 6000  # rounds that no race comes to
ROUNDS = 6


def rules(name: str, case: Case, data: Dataset) -> tuple[str, Design]:
    """Return the pruner and the design of that name."""
    now = design_for(case, data)
    return {
        "before": (SQUARE, Design()),
        "folds": (SQUARE, replace(now, race=None)),
        "folds, pruner": (PRUNER, replace(now, race=None)),
        "now": (PRUNER, now),
    }[name]


def config_of(
    reference: str,
    case: Case,
    data: Dataset,
    seed: int,
    folder: Path,
    pruner: str,
    design: Design,
) -> StudyConfig:
    """Return what the study of a case is made of."""
    return StudyConfig(
        case=case,
        reference=reference,
        source=source_of(reference),
        dataset=data,
        data_folder=cache.store(data, folder),
        seed=seed,
        fixed={},
        plan=Plan.for_machine(images=data.pixels is not None),
        sampler=SAMPLER,
        pruner=pruner,
        design=design,
    )


def one_study(
    reference: str, name: str, seed: int, trials: int, truth: int, data_dir: Path | None
) -> dict[str, Any]:
    case = load_case(reference)
    dataset = case.dataset(Folders(given=data_dir))
    case = case.settled(dataset)
    began = time.perf_counter()
    pruner, design = rules(name, case, dataset)
    with tempfile.TemporaryDirectory() as work:
        config = config_of(reference, case, dataset, seed, Path(work), pruner, design)
        study, config = open_study(f"sqlite:///{work}/studies.db", "one", config, pruner_named)
        engine = InProcessEngine()
        Coordinator(Mirror(study), config, engine).search(trials)
        evidence = Trainings(study, config, engine, lambda _: None)
        candidates, arms = candidates_of(study), arms_of(study)
        fixed = {name: trial.number for name, trial in arms.items() if name != "best"}
        entered = (*candidates, *(study.trials[number] for number in fixed.values()))
        configurations = {trial.number: configuration_of(trial) for trial in entered}
        found = race_on_fresh_folds(evidence, configurations, candidates, fixed, ROUNDS)
        raced = [trial.user_attrs["work"] for trial in evidence.study.trials]
        winner = study.trials[found.winner]
        scores = [
            evidence.scores([configuration_of(winner)], FAR + index)[0] for index in range(truth)
        ]
        searched = [trial.user_attrs["work"] for trial in study.trials]
    return {
        "case": dataset.name,
        "rules": name,
        "seed": seed,
        "trials": trials,
        "search": sum(searched),
        "race": sum(raced),
        "winner": found.winner,
        "promised": winner.values[0],
        "fresh": fmean(one for one in found.scores[found.winner] if one is not None),
        "truth": fmean(one for one in scores if one is not None),
        "seconds": time.perf_counter() - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case")
    parser.add_argument("--rules", nargs="+", default=["before", "now"])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--truth", type=int, default=12, help="fresh folds")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    data = load_case(arguments.case).dataset(Folders(given=arguments.data_dir)).name
    done = set()
    if arguments.out.exists():
        with arguments.out.open(newline="") as file:
            done = {(r["case"], r["rules"], int(r["seed"])) for r in csv.DictReader(file)}
    for seed in arguments.seeds:
        for name in arguments.rules:
            if (data, name, seed) in done:
                continue
            row = one_study(
                arguments.case,
                name,
                seed,
                arguments.trials,
                arguments.truth,
                arguments.data_dir,
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
