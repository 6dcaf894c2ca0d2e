"""What guesses are worth on data that nobody tuned: each configuration trained on four folds.

    python studies/guesses/measure.py --data-dir DIR --out studies/guesses/trained.csv

A line of the CSV is one configuration: baseline, recipe, guess, a draw of the prior, or one of the
space at random; with its score on each fold, and none where the training diverged. Nothing is
pruned. Interrupted, it goes on where it was. `compare.py` reads the file.
"""

from __future__ import annotations

import argparse
import csv
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import torch
from optuna.samplers import RandomSampler

from data import FOLDS, all_data
from tuner.data.splits import folds
from tuner.errors import TunerError
from tuner.search.scoring import History
from tuner.seeds import derive
from tuner.study.guess import Guess
from tuner.study.guesses import priors_of
from tuner.training.fitting import fit
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

DRAWS, RANDOM = 8, 12
SCORES = tuple(f"fold_{fold}" for fold in range(FOLDS))
FIELDS = ("data", "seed", "kind", "number", *SCORES, "seconds", "hyperparameters")


def configurations(case: Case, data: Dataset, seed: int) -> Iterator[tuple[str, int, Any]]:
    """Yield the kind of each, its number within its kind, and its hyperparameters."""
    yield "baseline", 0, case.baseline
    yield "recipe", 0, case.recipe
    known = priors_of(case, data, seed, {})
    for draw in (None, *range(DRAWS)):
        guess = Guess(asdict(case.baseline), known, draw)
        # The same draws on all data: a portfolio needs it.
        values = guess.replayed(case, 0, {}).hyperparameters
        yield "guess" if draw is None else "draw", draw or 0, case.hyperparameters(values)
    for number in range(RANDOM):
        sampler = RandomSampler(seed=derive(seed, "random", number))
        yield "random", number, case.suggest(optuna.create_study(sampler=sampler).ask())


def scores(case: Case, data: Dataset, seed: int, values: Any) -> list[float]:
    """Train on all folds, and return the score on each; empty where it diverged."""
    parts = folds(data.development, data.validation, seed)
    history = History(case, values.epochs)
    plan = plan_for(case.task, images=data.pixels is not None)
    try:
        for point in fit(case, values, data, parts, derive(seed, "training"), plan):
            history.take(point)
    except TunerError:
        return []
    return list(history.best().folds)


@contextmanager
def continued(
    file: Path, fields: Sequence[str]
) -> Iterator[tuple[set[tuple[str, ...]], Callable[[Iterable[Any]], None]]]:
    """Lend what a CSV has already, the first four values of each line, and what adds a line."""
    done = set[tuple[str, ...]]()
    if file.exists():
        with file.open(encoding="utf-8") as opened:
            done = {tuple(row[name] for name in fields[:4]) for row in csv.DictReader(opened)}
    with file.open("a", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        if not done:
            writer.writerow(fields)

        def add(values: Iterable[Any]) -> None:
            writer.writerow(list(values))
            opened.flush()

        yield done, add


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with continued(arguments.out, FIELDS) as (done, add):
        for seed in arguments.seeds:
            known = all_data(arguments.data_dir)
            for name in arguments.only or known:
                case, data = known[name]()
                for kind, number, values in configurations(case, data, seed):
                    if (name, str(seed), kind, str(number)) in done:
                        continue
                    began = time.process_time()
                    found = scores(case, data, seed, values)
                    seconds = f"{time.process_time() - began:.1f}"
                    written = map(str, found) if found else [""] * FOLDS
                    add([name, seed, kind, number, *written, seconds, asdict(values)])


if __name__ == "__main__":
    main()
