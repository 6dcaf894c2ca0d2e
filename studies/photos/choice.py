"""By what to choose among the best of a search on 100 photos, on classes that `flowers` has not.

    python studies/photos/choice.py --data-dir DIR --home HOME --out studies/photos/choice.csv
    python studies/photos/choice.py --out studies/photos/choice.csv

The first line searches each set of classes with 50 trials, trains the six best and the first guess
on six fresh folds, and twice on all rows to see what they are worth on the 430 to 505 others. It
continues where it was. The second replays races from the file, with the rounds in every order: by
what is ranked, and how many are in each round.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import permutations, repeat
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import optuna
import torch
from confirm import trained
from lab import resumed

import tuner
from tuner.case.loading import load_case
from tuner.case.metric import ACCURACY, BRIER, LOG_LOSS
from tuner.data.sources.folders import Folders
from tuner.data.splits import KFold, everything, folds
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

SETS, ROUNDS, MODELS = (5, 4, 3), 6, 2
GUESS, BEST = 2, 6
FIELDS = ("set", "trial", "part", "index", "accuracy", "brier", "log_loss")
CASE = '''"""Set {place} of other classes of Flowers-102."""
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, {here!r})
from confirm import dataset
from lab import class_sets
from tuner.cases import flowers

FOLDER = Path({folder!r})
CASE = replace(
    flowers.CASE, name="set{place}", load=lambda _: dataset(FOLDER, class_sets(FOLDER)[{place}])
)
'''
# What is ranked by, whether the folds of the search count, and whether the guess is in it.
BRIER_ON_FRESH = "brier", False, True
RACES = {
    "accuracy, with the folds of the search": ("accuracy", True, False),
    "the same, and the guess is in it": ("accuracy", True, True),
    "accuracy on fresh folds": ("accuracy", False, True),
    "log loss on fresh folds": ("log_loss", False, True),
    "Brier score on fresh folds": BRIER_ON_FRESH,
}
PLACES = (6, 4, 3, 2)
OTHER_PLACES = ((6, 5, 4, 2), (6, 5, 3, 2), (6, 6, 4, 2), (6, 6, 3), (6, 3, 3, 3), (6,), (6,) * 6)


def train(case_file: str, values: Mapping[str, Any], part: str, index: int) -> tuple[float, ...]:
    """Return accuracy, Brier score and log loss: of a fresh fold, or on the test rows."""
    torch.set_num_threads(1)
    case = load_case(case_file)
    data = case.load(Folders())
    plan = plan_for(case.task, images=True)
    (fold,) = everything(data.development)
    if part == "fold":
        fold = folds(data.development, KFold(5), 9000 + index)[index % 5]
    seed = (500 if part == "fold" else 900) + index
    model = trained(case, case.hyperparameters(values), data, fold, seed, plan)
    test = data.test.open(lambda: None)
    rows, targets = (
        (data.development.features[fold.validation], data.development.targets[fold.validation])
        if part == "fold"
        else (test.features, test.targets)
    )
    outputs = model.outputs(rows, plan)
    return tuple(one.score(outputs, targets).item() for one in (ACCURACY, BRIER, LOG_LOSS))


def measure(folder: Path, home: Path, out: Path) -> None:
    """Search each set, and train its finalists."""
    home.mkdir(parents=True, exist_ok=True)
    with resumed(out, FIELDS, 4) as (done, write):
        for place in SETS:
            file = home / f"set{place}.py"
            here = str(Path(__file__).parent.resolve())
            file.write_text(CASE.format(place=place, here=here, folder=str(folder.resolve())))
            tuner.run_study(str(file), trials=50, seeds=0, home=home)
            study = optuna.load_study(
                study_name=f"set{place}", storage=f"sqlite:///{home.resolve()}/studies.db"
            )
            trials = [one for one in study.trials if one.state.name == "COMPLETE"][2:]
            best = sorted(trials, key=lambda one: -(one.value or 0.0))[:BEST]
            finalists = {one.number: one for one in [study.trials[GUESS], *best]}
            for number, trial in finalists.items():
                for index, score in enumerate(trial.user_attrs["fold_scores"]):
                    if (str(place), str(number), "search", str(index)) not in done:
                        write(place, number, "search", index, f"{score:.4f}", "", "")
            jobs = [
                (number, part, index)
                for part, count in (("fold", ROUNDS), ("all", MODELS))
                for index in range(count)
                for number in finalists
                if (str(place), str(number), part, str(index)) not in done
            ]
            with ProcessPoolExecutor(2, get_context("spawn")) as pool:
                values = [finalists[n].user_attrs["hyperparameters"] for n, *_ in jobs]
                parts, indices = [job[1] for job in jobs], [job[2] for job in jobs]
                found = pool.map(train, repeat(str(file)), values, parts, indices)
                for job, scores in zip(jobs, found, strict=True):
                    write(place, *job, *(f"{score:.4f}" for score in scores))


def replay(out: Path) -> None:
    """Print what the winners of races are worth, on each set and on average."""
    known: dict[str, dict[int, dict[str, list[Any]]]] = defaultdict(lambda: defaultdict(dict))
    with out.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            known[row["set"]][int(row["trial"])].setdefault(row["part"], []).append(row)
    print("set".ljust(42), *known, "mean", sep="\t")
    races: list[tuple[str, tuple[int, ...], tuple[str, bool, bool]]]
    races = [(name, PLACES, rules) for name, rules in RACES.items()]
    races += [(f"the last, {places} in it", places, BRIER_ON_FRESH) for places in OTHER_PLACES]
    for name, places, rules in races:
        orders = list(permutations(range(ROUNDS), len(places)))
        worth = [
            fmean(_worth(trials[_winner(trials, order, places, *rules)]) for order in orders)
            for trials in known.values()
        ]
        _line(name, worth)
    _line("the guess", [_worth(trials[GUESS]) for trials in known.values()])
    _line("the best of them", [max(map(_worth, trials.values())) for trials in known.values()])


def _line(name: str, worth: Sequence[float]) -> None:
    print(name.ljust(42), *(f"{100 * one:.1f}" for one in (*worth, fmean(worth))), sep="\t")


def _worth(trial: Mapping[str, list[Any]]) -> float:
    return fmean(float(row["accuracy"]) for row in trial["all"])


def _winner(
    trials: Mapping[int, Mapping[str, list[Any]]],
    order: Sequence[int],
    places: Sequence[int],
    by: str,
    with_search: bool,
    with_guess: bool,
) -> int:
    searched = {n: [float(row["accuracy"]) for row in t["search"]] for n, t in trials.items()}
    runners = sorted(trials, key=lambda n: -fmean(searched[n]))[: places[0]]
    if with_guess and GUESS not in runners:
        runners[-1] = GUESS
    sign = 1 if by == "accuracy" else -1
    for done, left in enumerate(places, start=1):
        runners = runners[:left]
        fresh = {n: [float(trials[n]["fold"][r][by]) for r in order[:done]] for n in runners}
        level = {n: fmean([*(searched[n] if with_search else ()), *fresh[n]]) for n in runners}
        runners.sort(key=lambda n: -sign * level[n])
    return runners[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--home", type=Path, default=Path("storage"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.data_dir:
        measure(arguments.data_dir, arguments.home, arguments.out)
    replay(arguments.out)


if __name__ == "__main__":
    main()
