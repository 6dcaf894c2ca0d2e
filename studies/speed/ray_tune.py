"""The same search under Ray Tune: its ASHA, its Optuna search, and tuner's own trainer.

    pip install 'ray[tune]'
    python studies/speed/ray_tune.py mnist --trials 50 --seed 1 --data-dir DIR \
        --storage sqlite:///ray.db

One core a trial and as many trials at once as there are cores; a trial reports at each twentieth of
its training, as under tuner. Scheduler and search are as they come. Ray Tune's Optuna search keeps
its trials in memory, and counts what ASHA stopped as complete; so when all is done they are written
to `--storage`, with those as pruned. Interrupted, it begins again.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import ray
import torch
from optuna.trial import TrialState

try:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch
except ImportError as error:
    raise SystemExit(f"{error}") from error

from tuner.case.loading import load_case
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.data.splits import folds
from tuner.machine import usable_cores
from tuner.search.scoring import STAGES, History
from tuner.seeds import derive
from tuner.training.fitting import fit
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

METRIC, STAGE = "score", "stage"
ENDED = STAGES + 1  # the stage of the last report, which is what the whole trial is worth


def space(name: str, trial: BaseTrial) -> dict[str, Any]:
    """Draw from a case's space; what Ray Tune has to hand to the training besides."""
    hyperparameters = asdict(load_case(name).suggest(trial))
    return {"hyperparameters": hyperparameters, "number": trial.number}


def train(config: dict[str, Any], name: str, data: Path, seed: int, plan: Plan) -> None:
    """Train one configuration, in a worker."""
    torch.set_num_threads(plan.threads)
    case, dataset = load_case(name), cache.load(data)
    hyperparameters = case.hyperparameters(config["hyperparameters"])
    history = History(case, hyperparameters.epochs)
    parts = folds(dataset.development, dataset.validation, seed)
    own = derive(seed, "trial", config["number"])
    for point in fit(case, hyperparameters, dataset, parts, own, plan):
        if (stage := history.take(point)) is not None:
            tune.report({METRIC: history.stages[stage], STAGE: stage})
    best = history.best()
    tune.report({METRIC: best.mean, STAGE: ENDED, "best_epoch": best.epoch})


def search(
    name: str, trials: int, seed: int, data_dir: Path | None, folder: Path
) -> list[optuna.trial.FrozenTrial]:
    """Search under Ray Tune; return its trials as Optuna keeps them, the stopped ones as pruned."""
    case = load_case(name)
    dataset = case.dataset(Folders(given=data_dir))
    data = cache.store(dataset, folder / "cache")
    mode = "max" if case.direction == "maximize" else "min"
    searcher = OptunaSearch(
        partial(space, name),  # not a closure: Ray Tune pickles it
        metric=METRIC,
        mode=mode,
        points_to_evaluate=[asdict(case.baseline), asdict(case.recipe)],
        seed=seed,
    )
    trainable = tune.with_parameters(
        train, name=name, data=data, seed=seed, plan=Plan.for_machine(images=bool(dataset.pixels))
    )
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode=mode,
            search_alg=searcher,
            scheduler=ASHAScheduler(time_attr=STAGE, max_t=ENDED),
            num_samples=trials,
            max_concurrent_trials=usable_cores(),
        ),
        run_config=tune.RunConfig(storage_path=str(folder), name="search", verbose=0),
    ).fit()
    ended = [results[place] for place in range(len(results))]
    last = {result.config["number"]: result.metrics for result in ended if result.config}
    study: Any = searcher._ot_study  # which Ray declares as None
    return [_as_it_ended(trial, last.get(trial.number)) for trial in study.trials]


def _as_it_ended(
    trial: optuna.trial.FrozenTrial, last: dict[str, Any] | None
) -> optuna.trial.FrozenTrial:
    """Give a trial the state that Optuna has for how it ended, and the epoch it was best at."""
    if trial.state == TrialState.COMPLETE and last:
        if last.get(STAGE) == ENDED:
            trial.user_attrs["best_epoch"] = last["best_epoch"]
        else:
            trial.state = TrialState.PRUNED
    return trial


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", help="flowers, housing, mnist, or the path of mnist_tenth.py")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, help="folder of the raw data; housing needs none")
    parser.add_argument("--storage", default="sqlite:///ray.db")
    given = parser.parse_args()
    if given.data_dir is None and given.case != "housing":
        parser.error(f"{given.case} needs --data-dir")
    ray.init(num_cpus=usable_cores(), include_dashboard=False)
    with tempfile.TemporaryDirectory() as folder:
        trials = search(given.case, given.trials, given.seed, given.data_dir, Path(folder))
    ray.shutdown()
    study = optuna.create_study(
        study_name=load_case(given.case).name,
        storage=given.storage,
        direction=load_case(given.case).direction,
    )
    study.add_trials(trials)
    print(f"best: {study.best_value:.4f}, trial {study.best_trial.number}")


if __name__ == "__main__":
    main()
