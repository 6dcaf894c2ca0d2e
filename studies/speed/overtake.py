"""How long tuner takes to be as good as what plain Optuna comes to, on the same machine.

    python studies/speed/overtake.py housing --trials 50 --ours 50 --repeats 3 \\
        --out studies/speed/overtaken.csv

Each repeat has a seed of its own. In it `plain.py` searches first, and its best configuration is
trained again on fresh seeds and splits, as confirm.py does it. Then `python -m tuner.study`
searches, and each of its incumbents, in the order in which they came, is trained again on the same,
until one is as good. `plain_seconds` are from the start of plain Optuna's process to its end,
`seconds` from the start of tuner's until that trial had ended; nan where none was as good.
Interrupted, it begins the repeat again.
"""

from __future__ import annotations

import argparse
import math
from contextlib import closing
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import optuna
from confirm import fresh_config, fresh_job
from optuna.trial import TrialState
from race import CASES, Replica, load_study, search
from records import append, read

from tuner.engines.choosing import ThisMachine
from tuner.engines.job import Finished, run_all
from tuner.search.scoring import fold_scores
from tuner.study.trials import sign_of_study

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna.trial import FrozenTrial

    from tuner.engines.job import Failed
    from tuner.study.configuration import StudyConfig
    from tuner.training.fitting import ReportPoint


def worth(config: StudyConfig, trial: FrozenTrial, splits: int) -> float:
    """Train a trial's configuration again; return its mean score over fresh splits."""
    jobs = {index: fresh_job(config, trial, index) for index in range(splits)}
    scores = {}

    def on_end(index: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
        if not isinstance(event, Finished):
            raise SystemExit(f"trial {trial.number}: {event.reason}")
        scores[index] = fmean(fold_scores(points, jobs[index].hyperparameters["epochs"]))

    with closing(ThisMachine().engine(config.plan, at_most=splits)) as engine:
        run_all(engine, jobs, on_end)
    return fmean(scores.values())


def incumbents(study: optuna.Study) -> Iterator[FrozenTrial]:
    """Yield each trial that was the best when it ended, in the order in which they ended."""
    sign = sign_of_study(study)
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best: float | None = None
    for trial in sorted(ended, key=lambda one: str(one.datetime_complete)):
        if best is None or sign * trial.values[0] > best:
            best = sign * trial.values[0]
            yield trial


def repeat(
    case: str, seed: int, trials: tuple[int, int], splits: int, data_dir: Path | None, keep: Path
) -> dict[str, Any]:
    """Race once; return a row."""
    theirs, ours = (
        Replica(case, side, count, seed)
        for side, count in zip(("plain", "tuner"), trials, strict=True)
    )
    _, taken = search(theirs, data_dir, keep)
    began, whole = search(ours, data_dir, keep)
    study = load_study(ours.database(keep))
    sign, seconds = sign_of_study(study), math.nan
    with fresh_config(CASES[case], data_dir) as config:
        aim = worth(config, load_study(theirs.database(keep)).best_trial, splits)
        for trial in incumbents(study):
            reached = worth(config, trial, splits)
            if sign * reached >= sign * aim and trial.datetime_complete is not None:
                seconds = (trial.datetime_complete - began).total_seconds()
                break
    return {
        "case": case,
        "seed": seed,
        "trials": trials[0],
        "splits": splits,
        "plain_seconds": taken,
        "plain_confirmed": aim,
        "trial": trial.number,
        "seconds": seconds,
        "confirmed": reached,
        "ours": trials[1],
        "whole_seconds": whole,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--trials", type=int, default=50, help="of plain Optuna")
    parser.add_argument("--ours", type=int, default=50, help="trials of tuner, that may be needed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1, help="of the first repeat")
    parser.add_argument(
        "--splits", type=int, default=3, help="to train on again; all folds of each"
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the raw data; housing needs none")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=Path, default=Path("storage/speed"), help="of databases")
    given = parser.parse_args()
    if given.data_dir is None and given.case != "housing":
        parser.error(f"{given.case} needs --data-dir, so that nothing is downloaded in the race")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials = given.trials, given.ours
    for seed in range(given.seed, given.seed + given.repeats):
        if (given.case, str(seed)) not in {(one["case"], one["seed"]) for one in read(given.out)}:
            row = repeat(given.case, seed, trials, given.splits, given.data_dir, given.keep)
            append(given.out, row)
            print(row, flush=True)
    ratios = [
        float(one["plain_seconds"]) / float(one["seconds"])
        for one in read(given.out)
        if one["case"] == given.case and one["seconds"] != "nan"
    ]
    if ratios:
        print(
            f"{given.case}: plain Optuna took {median(ratios):.1f} times as long (median; "
            f"{min(ratios):.1f} to {max(ratios):.1f}, {len(ratios)} repeats)"
        )


if __name__ == "__main__":
    main()
