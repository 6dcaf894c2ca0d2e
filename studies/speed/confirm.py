"""What the best of each side of a race is worth: trained again by tuner's trainer, alike.

    python studies/speed/race.py housing ... --confirm studies/speed/confirmed.csv

The best configuration of each run is trained on the same fresh seeds: fresh weights, batches and
splits, all folds of a split in lockstep, for the number of epochs that its search said. A row is
one training; `confirmed` is the mean over folds and the last tenth of it, as a study scores its
trials. The test rows stay closed. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import tempfile
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from records import append, read

from tuner.case.loading import load_case
from tuner.case.source import source_of
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.engines.choosing import ThisMachine
from tuner.engines.job import Finished, run_all
from tuner.evidence.jobs import seed_of
from tuner.search.jobs import search_job
from tuner.search.scoring import fold_scores
from tuner.seeds import derive
from tuner.study.configuration import StudyConfig
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.case.contract import Case
    from tuner.engines.job import Failed, Job
    from tuner.training.fitting import ReportPoint

STUDY_SEED = 2**31  # of no search in a race, so what is trained on is fresh for all of them
SEEDS = 3
Key = tuple[str, ...]  # case, side, trials and seed of a run


@contextmanager
def fresh_config(reference: str, data_dir: Path | None) -> Iterator[StudyConfig]:
    """Lend the configuration of a study of the case whose folds no search has seen."""
    case = load_case(reference)
    dataset = case.dataset(Folders(given=data_dir))
    with tempfile.TemporaryDirectory() as folder:
        yield StudyConfig(
            case=case,
            reference=reference,
            source=source_of(reference),
            dataset=dataset,
            data_folder=cache.store(dataset, Path(folder)),
            seed=STUDY_SEED,
            fixed={},
            plan=Plan.for_machine(images=dataset.pixels is not None),
        )


def fresh_job(config: StudyConfig, trial: FrozenTrial, index: int) -> Job:
    """Return the training of a trial's configuration on all folds of a fresh split."""
    split = replace(config, seed=derive(STUDY_SEED, "confirmation folds", index))
    values = asdict(config.case.suggest(trial))
    job = search_job(split, values, seed_of(STUDY_SEED, index))
    return replace(job, stop_after=trial.user_attrs["best_epoch"])


def confirm(
    reference: str, best: Mapping[Key, FrozenTrial], data_dir: Path | None, out: Path
) -> None:
    """Train the best trial of each run on `SEEDS` fresh seeds; append what is not yet in `out`."""
    wanted = [(key, index) for index in range(SEEDS) for key in best]
    done = {_key(row) for row in read(out)}
    missing = [(key, index) for key, index in wanted if (*key, str(index)) not in done]
    with fresh_config(reference, data_dir) as config:
        jobs = {
            number: fresh_job(config, best[key], index)
            for number, (key, index) in enumerate(missing)
        }

        def on_end(number: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
            key, index = missing[number]
            if not isinstance(event, Finished):
                raise SystemExit(f"{key}: {event.reason}")
            epochs = jobs[number].hyperparameters["epochs"]
            row = {
                **dict(zip(("case", "side", "trials", "seed"), key, strict=True)),
                "fresh": index,
                "trial": best[key].number,
                "epochs": jobs[number].stop_after,
                "confirmed": fmean(fold_scores(points, epochs)),
                "seconds": event.seconds,
            }
            append(out, row)
            print(row, flush=True)

        with closing(ThisMachine().engine(config.plan, at_most=max(len(jobs), 1))) as engine:
            run_all(engine, jobs, on_end)
    _print_means(config.case, best, out)


def _key(row: Mapping[str, str]) -> Key:
    return (row["case"], row["side"], row["trials"], row["seed"], row["fresh"])


def _print_means(case: Case, best: Mapping[Key, FrozenTrial], out: Path) -> None:
    """Say what each side's runs come to, each the mean of its trainings."""
    confirmed = {_key(row): float(row["confirmed"]) for row in read(out)}
    sides: dict[str, list[float]] = {}
    for key in best:
        scores = [confirmed[(*key, str(index))] for index in range(SEEDS)]
        sides.setdefault(key[1], []).append(fmean(scores))
    for side, means in sides.items():
        spread = f" ± {stdev(means):.4f}" if len(means) > 1 else ""
        score = f"{case.metric.title} {fmean(means):.4f}{spread}"
        print(f"{case.name}, {side}: {score}, {len(means)} runs")
