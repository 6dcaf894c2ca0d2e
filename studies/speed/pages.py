"""What a training gains where its process keeps memory, and where maps are pooled first.

    python studies/speed/pages.py --data-dir DIR --out studies/speed/pages.csv

The guess of a case is trained for some seconds by one thread of a new process, by `keep_memory` or
without it, normalising maps before or after they are pooled; one after the other, in turn.
`pages` are those that the system has handed out, a second. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, replace
from itertools import cycle, product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from records import append, read

from tuner.case.loading import load_case
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.data.splits import folds
from tuner.machine import keep_memory
from tuner.study.guess import Guess
from tuner.study.guesses import priors_of
from tuner.training.learner import make_learners
from tuner.training.plan import plan_for
from tuner.training.step import make_trainers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

CASES = ("mnist", "flowers")
ARM = ("repeat", "case", "pool_first", "keep")
WARM_UP = 6  # steps, which allocate


def guess_of(case: Case, data: Dataset) -> Any:
    """Return the hyperparameters of a case's first guess."""
    guess = Guess(asdict(case.baseline), priors_of(case, data, 0, {}))
    values = guess.replayed(case, 0, {}).hyperparameters
    return case.hyperparameters(values)


def train(arm: Mapping[str, Any], seconds: float) -> None:
    """Train; print rows and pages a second."""
    if arm["keep"]:
        keep_memory()
    torch.set_num_threads(1)
    case, data = load_case(arm["case"]), cache.load(Path(arm["folder"]))
    guess = replace(guess_of(case, data), pool_first=arm["pool_first"])
    parts = folds(data.development, data.validation, 0)[:1]
    learners = make_learners(case, guess, data, parts, 0)
    (trainer,) = make_trainers(case, guess, data, learners, plan_for(case.task, images=True))
    batches = trainer.shuffled()
    trainer.train(batches[:WARM_UP])
    again = cycle(batches)
    pages, began, rows = _pages(), time.perf_counter(), 0
    while (taken := time.perf_counter() - began) < seconds:
        batch = next(again)
        trainer.train([batch])
        rows += batch.numel()
    print(json.dumps({"rows": rows / taken, "pages": (_pages() - pages) / taken}))


def _pages() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        train(json.loads(given.one), given.seconds)
        return
    done = {tuple(row[name] for name in ARM) for row in read(given.out)}
    with tempfile.TemporaryDirectory() as folder:
        stored = {
            name: cache.store(load_case(name).dataset(Folders(given=given.data_dir)), Path(folder))
            for name in CASES
        }
        for values in product(range(given.repeats), CASES, (False, True), (False, True)):
            arm: dict[str, Any] = dict(zip(ARM, values, strict=True))
            if tuple(map(str, values)) in done:
                continue
            one = json.dumps({**arm, "folder": str(stored[arm["case"]])})
            command = [sys.executable, __file__, "--seconds", str(given.seconds), "--one", one]
            append(given.out, arm | json.loads(subprocess.check_output(command, text=True)))
    table(given.out)


def table(path: Path) -> None:
    """Print medians of the ratios to the same repeat that neither keeps nor pools first."""
    known: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for row in read(path):
        known[row["case"]][row["keep"], row["pool_first"]][row["repeat"]] = row
    for name, arms in known.items():
        plain = arms["False", "False"]
        for (keep, pool_first), own in arms.items():
            both = own.keys() & plain.keys()
            gain = median(float(own[k]["rows"]) / float(plain[k]["rows"]) for k in both)
            pages = median(float(own[k]["pages"]) for k in both)
            print(f"{name}: keep {keep}, pool first {pool_first}: {gain:.2f}, {pages:.0f} pages/s")


if __name__ == "__main__":
    main()
