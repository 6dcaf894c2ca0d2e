"""How many workers a coordinator keeps busy: the real one, with pretended workers.

    PYTHONPATH=. python studies/scale/measure.py --case mnist housing --workers 1 8 64 512 \
        --storage sqlite postgresql --order work arrival --runs 3 --out studies/scale/sizes.csv

Trainings last as long, point by point, as those of the reference study did, in proportion; a point
is one second on average. Shares are of the time in which all workers have had a first trial and
there is a next one to give out, so the beginning and the end of a study do not count.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from tests.making import make_brief, search
from tests.search.simulation import PretendEngine, recordings
from tests.servers import empty_database, postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna.trial import FrozenTrial

    from tuner.search.lineup import Running
    from tuner.study.configuration import Order


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a simulated study had come."""

    now: float
    trained: float
    used: float
    waited: float
    points: int
    ended: int


class Watch:
    """Notes the moments between which all workers could be busy."""

    def __init__(self, engine: PretendEngine, total: int) -> None:
        self.engine, self.last = engine, total - engine.slots
        self.first = min(engine.slots, total // 4)
        self.ended = 0
        self.moments: list[Moment] = []

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        del running
        self.ended += ended is not None
        if ended is not None and self.ended in {self.first, self.last}:
            made = self.engine
            self.moments.append(
                Moment(
                    made.now,
                    made.trained_until_now(),
                    made.used,
                    made.waited,
                    made.taken,
                    self.ended,
                )
            )


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one simulated study."""

    case: str
    storage: str
    order: str
    workers: int
    trials: int
    points_per_second: float
    asks_per_second: float
    busy: float
    used: float
    coordinator_busy: float
    processor_ms_per_trial: float


def measure(case: str, storage: str, order: Order, workers: int, seed: int) -> Row:
    total = max(200, 3 * workers) if workers <= 512 else 3 * workers // 2
    with tempfile.TemporaryDirectory() as folder, _database(storage, Path(folder)) as url:
        config = replace(make_brief(case, Path(folder)), order=order)
        engine = PretendEngine(workers, recordings(case), seed=seed)
        watch = Watch(engine, total)
        began = time.process_time()
        search(url, config, total, engine=engine, observer=watch)
        processor = time.process_time() - began
    first, last = watch.moments
    span = last.now - first.now
    return Row(
        case=case,
        storage=storage,
        order=order,
        workers=workers,
        trials=total,
        points_per_second=(last.points - first.points) / span,
        asks_per_second=(last.ended - first.ended) / span,
        busy=(last.trained - first.trained) / span / workers,
        used=(last.used - first.used) / span / workers,
        coordinator_busy=1 - (last.waited - first.waited) / span,
        processor_ms_per_trial=1000 * processor / total,
    )


@contextmanager
def _database(storage: str, folder: Path) -> Iterator[str]:
    if storage == "sqlite":
        yield f"sqlite:///{folder}/studies.db"
        return
    with postgres_server() as server, empty_database(server) as url:
        yield url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", nargs="+", default=["mnist", "housing"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 8, 64, 512])
    parser.add_argument("--storage", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--order", nargs="+", default=["work", "arrival"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    new = not given.out.exists()
    with given.out.open("a", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        if new:
            out.writerow(field.name for field in fields(Row))
        for run in range(given.runs):
            for workers in given.workers:
                for case in given.case:
                    for storage in given.storage:
                        for order in given.order:
                            row = measure(case, storage, order, workers, run)
                            out.writerow(
                                round(value, 4) if isinstance(value, float) else value
                                for value in astuple(row)
                            )
                            file.flush()
                            print(row)


if __name__ == "__main__":
    main()
