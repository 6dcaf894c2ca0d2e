"""Does bfloat16 cost accuracy? The same trainings in both precisions, on the same seeds and splits.

    python studies/speed/precision.py mnist --data-dir DIR --out studies/speed/precision.csv

Trained are the baseline of a case and the best of its reference study, on fresh seeds and splits of
the development rows, as a confirmation does it; the test rows stay closed. A row is one training,
one a core at a time. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from records import append, read

from tuner.case.loading import load_case
from tuner.case.source import source_of
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.engines.choosing import ThisMachine
from tuner.engines.job import Finished, run_all
from tuner.evidence.jobs import configuration_of, fresh_replica, job_of
from tuner.evidence.statistics.comparison import compare
from tuner.search.scoring import fold_scores
from tuner.study.arms import arms_of
from tuner.study.configuration import StudyConfig
from tuner.study.store import load_study
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.case.contract import Case
    from tuner.engines.job import Failed
    from tuner.training.fitting import ReportPoint
    from tuner.training.plan import Precision

REFERENCES = Path(__file__).parents[1]
STUDY_SEED = 2**31  # of no study, so the splits are fresh
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
ARMS = ("baseline", "best")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=("flowers", "mnist"))
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the raw data")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    case = load_case(given.case)
    arms = arms_of(load_study(f"sqlite:///{REFERENCES / case.name}/study.db", case.name))
    configurations = {arm: configuration_of(arms[arm]) for arm in ARMS}
    dataset = case.dataset(Folders(given=given.data_dir))
    plan = Plan.for_machine(images=True)
    done = {(row["case"], row["arm"], row["precision"], row["seed"]) for row in read(given.out)}
    missing = [
        (arm, precision, seed)
        for seed in range(given.seeds)
        for arm in ARMS
        for precision in PRECISIONS
        if (case.name, arm, precision, str(seed)) not in done
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = StudyConfig(
            case=case,
            reference=case.name,
            source=source_of(case.name),
            dataset=dataset,
            data_folder=cache.store(dataset, Path(folder)),
            seed=STUDY_SEED,
            fixed={},
            plan=plan,
        )
        jobs = {
            number: job_of(
                replace(config, plan=replace(plan, precision=precision)),
                configurations[arm],
                [fresh_replica(config, seed)],
            )
            for number, (arm, precision, seed) in enumerate(missing)
        }

        def on_end(number: int, event: Finished | Failed, points: Sequence[ReportPoint]) -> None:
            arm, precision, seed = missing[number]
            if not isinstance(event, Finished):
                raise SystemExit(f"{arm}, {precision}: {event.reason}")
            (score,) = fold_scores(points, jobs[number].hyperparameters["epochs"])
            row = {"case": case.name, "arm": arm, "precision": precision, "seed": seed}
            append(given.out, row | {"validation": score, "seconds": event.seconds})
            print(
                *row.values(),
                f"{case.metric.title} {score:.4f} ({event.seconds:.1f} s)",
                flush=True,
            )

        with closing(ThisMachine().engine(plan, at_most=max(len(jobs), 1))) as engine:
            run_all(engine, jobs, on_end)
    for arm in ARMS:
        _print_difference(case, arm, given.out)


def _print_difference(case: Case, arm: str, out: Path) -> None:
    """Say what bfloat16 gains or costs one arm."""
    rows = [row for row in read(out) if (row["case"], row["arm"]) == (case.name, arm)]
    columns = {
        (precision, column): [
            float(row[column])
            for row in sorted(rows, key=lambda row: int(row["seed"]))
            if row["precision"] == precision
        ]
        for precision in PRECISIONS
        for column in ("validation", "seconds")
    }
    slow, fast = ((columns[one, "validation"]) for one in PRECISIONS)
    found = compare(slow, fast, case.direction)
    times = zip(*(columns[one, "seconds"] for one in PRECISIONS), strict=True)
    low, high = found.interval or (found.gain, found.gain)
    print(
        f"{case.name}, {arm}: {case.metric.title} {fmean(slow):.4f} in float32, "
        f"{fmean(fast):.4f} in bfloat16; gain {found.gain:+.4f} "
        f"({low:+.4f} to {high:+.4f}, p = {found.p_value:.2f}, {found.n} seeds): "
        f"{found.verdict}; float32 took {median(a / b for a, b in times):.2f} times as long"
    )


if __name__ == "__main__":
    main()
