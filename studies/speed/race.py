"""Race whole processes: `python -m tuner.study` against a search without it, on the same machine.

    python studies/speed/race.py housing --trials 50 --repeats 3 --data-dir DIR \
        --out studies/speed/race.csv --confirm studies/speed/confirmed.csv

Each repeat has a seed of its own; in it the two sides run one after the other, and in the next one
the other way round. A row is one run: `seconds` from the start of its process to its end, and
`seconds_to_recipe` from there until a trial that the search chose had ended at least as good as
the recipe had on the same side; baseline and recipe are given, so they do not count. It is empty
where none was as good. `validation` is the best score as the side itself measures it, so it does
not compare: that is what `--confirm` is for (see confirm.py). The other side is plain.py; with
`--against ray`, ray_tune.py; with `--against arrival`, tuner itself with `--order arrival`, which
tries other configurations, so what compares is its time to the work done: `work` is as tuner counts
it, and empty for others.

Interrupted, it goes on where it was, with the run that was interrupted from its beginning. The
databases are kept in `--keep`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import optuna
from confirm import confirm
from optuna.trial import TrialState
from records import append, read

import tuner
from tuner.study.store import evidence_name
from tuner.study.trials import sign_of_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
OURS = ("-m", "tuner.study")
SIDES = {
    "tuner": (*OURS, "--seeds", "0"),
    "arrival": (*OURS, "--seeds", "0", "--order", "arrival"),
    "plain": (str(HERE / "plain.py"),),
    "ray": (str(HERE / "ray_tune.py"),),
}
CASES = {name: name for name in ("flowers", "housing", "mnist")} | {
    "mnist-tenth": str(HERE / "mnist_tenth.py")
}
GIVEN = 2  # trials 0 and 1 are baseline and recipe


@dataclass(frozen=True, slots=True)
class Replica:
    """One process: a side's search of a case."""

    case: str
    side: str
    trials: int
    seed: int

    @property
    def key(self) -> tuple[str, ...]:
        return (self.case, self.side, str(self.trials), str(self.seed))

    def database(self, folder: Path) -> Path:
        """Where its database is kept."""
        return folder / f"{'-'.join(self.key)}.db"

    def command(self, database: Path, data_dir: Path | None) -> list[str]:
        """What a shell would be given, in a folder of its own."""
        return [
            *(sys.executable, *SIDES[self.side], CASES[self.case]),
            *("--trials", str(self.trials), "--seed", str(self.seed)),
            *("--storage", f"sqlite:///{database}"),
            *(("--data-dir", str(data_dir.resolve())) if data_dir else ()),
        ]


def search(wanted: Replica, data_dir: Path | None, keep: Path) -> tuple[datetime, float]:
    """Run a search as a process; keep its database; return when it began, and seconds."""
    source = str(Path(tuner.__file__).parents[1])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    }
    with tempfile.TemporaryDirectory() as folder:
        database, log = Path(folder) / "search.db", Path(folder) / "log"
        command = wanted.command(database, data_dir)
        with log.open("wb") as output:
            at, began = datetime.now(), time.perf_counter()
            status = subprocess.run(
                command, cwd=folder, env=environment, stdout=output, stderr=output, check=False
            ).returncode
            seconds = time.perf_counter() - began
        if status != 0:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise SystemExit(f"{tail}\n{' '.join(command)}: ended with status {status}")
        _copy(database, wanted.database(keep))
    return at, seconds


def run(wanted: Replica, data_dir: Path | None, keep: Path) -> dict[str, Any]:
    """Run a search as a process; keep its database; return its row."""
    at, seconds = search(wanted, data_dir, keep)
    return {
        "case": wanted.case,
        "side": wanted.side,
        "trials": wanted.trials,
        "seed": wanted.seed,
        "seconds": seconds,
        **_outcome(load_study(wanted.database(keep)), at),
    }


def load_study(database: Path) -> optuna.Study:
    """The search that a database has; not the study of what was trained after it."""
    storage = f"sqlite:///{database}"
    names = optuna.get_all_study_names(storage)
    (name,) = set(names) - {evidence_name(one) for one in names}
    return optuna.load_study(study_name=name, storage=storage)


def _copy(database: Path, place: Path) -> None:
    """Copy a database, with what may still be in its write-ahead log; all of it or nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = database.with_name("copy.db")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(beside),))
    shutil.move(beside, place)


def _outcome(study: optuna.Study, began: datetime) -> dict[str, Any]:
    trials = study.get_trials(deepcopy=False)
    states = [trial.state for trial in trials]
    return {
        "validation": study.best_value,
        "complete": states.count(TrialState.COMPLETE),
        "pruned": states.count(TrialState.PRUNED),
        "failed": states.count(TrialState.FAIL),
        "recipe": _recipe(study),
        "seconds_to_recipe": _seconds_to_recipe(study, began),
        "work": sum(trial.user_attrs.get("work", 0.0) for trial in trials) or None,
    }


def _recipe(study: optuna.Study) -> float | None:
    """The recipe's score; None where it has not come to its end, as ASHA may stop it."""
    trials = study.get_trials(deepcopy=False)
    ended = len(trials) > 1 and trials[1].state == TrialState.COMPLETE
    return trials[1].value if ended else None


def _seconds_to_recipe(study: optuna.Study, began: datetime) -> float | None:
    """When a trial that the search chose was first as good as the recipe; None: never."""
    recipe = _recipe(study)
    if recipe is None:
        return None
    sign = sign_of_study(study)
    ends = [
        trial.datetime_complete
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if trial.number >= GIVEN
        and trial.datetime_complete is not None
        and sign * trial.values[0] >= sign * recipe
    ]
    return (min(ends) - began).total_seconds() if ends else None


def _ratios(
    rows: Sequence[Mapping[str, str]],
    pairs: Sequence[tuple[Replica, Replica]],
    column: str,
    per: str = "",
) -> list[float]:
    """How many times as long the other side took, a repeat; those of which both are known.

    Args:
        per: a column that the time is divided by.
    """
    known = {
        (row["case"], row["side"], row["trials"], row["seed"]): float(row[column])
        / (float(row[per]) if per else 1)
        for row in rows
        if row[column] and (not per or row[per])
    }
    return [
        known[other.key] / known[ours.key]
        for ours, other in pairs
        if ours.key in known and other.key in known
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1, help="of the first repeat")
    parser.add_argument("--against", choices=[*SIDES][1:], default="plain")
    parser.add_argument("--data-dir", type=Path, help="folder of the raw data; housing needs none")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=Path, default=Path("storage/speed"), help="of databases")
    parser.add_argument(
        "--confirm", type=Path, metavar="FILE", help="train the best again, on fresh seeds"
    )
    given = parser.parse_args()
    if given.data_dir is None and given.case != "housing":
        parser.error(f"{given.case} needs --data-dir, so that nothing is downloaded in the race")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pairs = [
        (
            Replica(given.case, "tuner", given.trials, given.seed + repeat),
            Replica(given.case, given.against, given.trials, given.seed + repeat),
        )
        for repeat in range(given.repeats)
    ]
    for repeat, pair in enumerate(pairs):
        for one in reversed(pair) if repeat % 2 else pair:
            if one.key not in {
                (row["case"], row["side"], row["trials"], row["seed"]) for row in read(given.out)
            }:
                row = run(one, given.data_dir, given.keep)
                append(given.out, row)
                print(row, flush=True)
        ratio = _ratios(read(given.out), [pair], "seconds")[0]
        print(f"seed {pair[0].seed}: {given.against} took {ratio:.2f} times as long", flush=True)
    for column, per in (("seconds", ""), ("seconds_to_recipe", ""), ("seconds", "work")):
        if ratios := _ratios(read(given.out), pairs, column, per):
            print(
                f"{given.case}, {given.trials} trials, {column}{per and f' to {per}'}: "
                f"{given.against} took "
                f"{median(ratios):.2f} times as long as tuner: median, {min(ratios):.2f} to "
                f"{max(ratios):.2f}, {len(ratios)} of {len(pairs)} repeats"
            )
    if given.confirm:
        runs = [one for pair in pairs for one in pair]
        if gone := [str(file) for one in runs if not (file := one.database(given.keep)).exists()]:
            raise SystemExit(
                f"cannot confirm: {', '.join(gone)} is not there, though {given.out} has its row. "
                "Take the row out to run it again, or point --keep to where the file is"
            )
        best = {one.key: load_study(one.database(given.keep)).best_trial for one in runs}
        confirm(CASES[given.case], best, given.data_dir, given.confirm)


if __name__ == "__main__":
    main()
