"""Measure what an ask takes: process time, in the space of `housing`, after so many trials.

    python studies/search/asking.py --after 50 200 1000

Scores are made up; half of the trials are pruned.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import asdict
from statistics import median

import optuna
from optuna.trial import TrialState

from tuner.case.loading import load_case
from tuner.search.sampler import Samplers
from tuner.study.samplers import SAMPLERS

ASKS = 10


def milliseconds(description: str, after: int) -> float:
    luck, samplers, suggest = random.Random(0), Samplers(description), load_case("housing").suggest
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    took = []
    for number in range(after + ASKS):
        if number >= after - 1:  # the first of them reads all others
            study.sampler = samplers(0, number, {})
        began = time.process_time()
        trial = study.ask()
        drawn = suggest(trial)
        took.append(1e3 * (time.process_time() - began))
        score = drawn.dropout + abs(drawn.learning_rate - 0.003) * 30 + luck.random() / 10
        pruned = luck.random() < 0.5
        trial.set_user_attr("work", float(drawn.epochs * drawn.width**drawn.depth))
        trial.set_user_attr("hyperparameters", asdict(drawn))
        trial.set_user_attr("curve", [[1, drawn.epochs, 1.0, 1.0, 1.0]])
        for stage in range(1, luck.randrange(3, 15) if pruned else 21):
            trial.report(score + 1 / stage, stage)
        study.tell(trial, None if pruned else score, TrialState.PRUNED if pruned else None)
    return median(took[-ASKS:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", type=int, nargs="+", default=[50, 200, 1000])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for after in parser.parse_args().after:
        for description in SAMPLERS:
            name = description.split(", n_startup")[0]
            print(f"{name}, {after} trials: {milliseconds(description, after):.1f} ms an ask")


if __name__ == "__main__":
    main()
