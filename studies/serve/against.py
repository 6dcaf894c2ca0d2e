"""The pages of `many.py`, asked in turns of two versions of tuner over one store, with verdicts.

git worktree add /tmp/before COMMIT
python studies/serve/against.py /tmp/before/src src
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil
from many import LARGE, ask, give_jobs, multiply, paths_of, searched, until_read

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
FRESH = 1.1  # seconds, after which what was read is read again


@contextmanager
def served(source: str, home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Start a service of a version over a store, and end it; yield its URL and its process."""
    with subprocess.Popen(
        [sys.executable, "-m", "tuner.serve", "--port", "0", "--home", str(home), "--workers", "1"],
        env={**os.environ, "PYTHONPATH": str(Path(source).resolve())},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        if found is None:
            raise SystemExit(f"no service of {source} started")
        try:
            yield found[0], psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(120)


def measured(sides: dict[str, tuple[str, psutil.Process]], path: str, times: int) -> dict[str, Any]:
    """Ask each side for a page in turns; return milliseconds of both clocks."""
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(times):
        time.sleep(FRESH)
        for name in list(sides)[:: 1 if turn % 2 else -1]:
            url, process = sides[name]
            before, began = sum(process.cpu_times()[:2]), time.perf_counter()
            ask(url + path)
            wall[name].append(1000 * (time.perf_counter() - began))
            cpu[name].append(1000 * (sum(process.cpu_times()[:2]) - before))
    return {
        name: {
            "wall": round(median(wall[name])),
            "wall_longest": round(max(wall[name])),
            "cpu": round(median(cpu[name])),
        }
        for name in sides
    }


def main() -> None:
    """Make the store, ask, and write what came out beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", help="src folder of the version before")
    parser.add_argument("now")
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = multiply(searched(home, 10, 2), arguments.studies)
        with served(arguments.before, home):  # makes the tables of the service
            pass
        give_jobs(home / "studies.db")
        load = [os.getloadavg()[0]]
        with served(arguments.before, home) as before, served(arguments.now, home) as now:
            sides = {"before": before, "now": now}
            seconds = {}
            for name, (url, process) in sides.items():
                until_read(url)
                seconds[name] = round(sum(process.cpu_times()[:2]), 1)
            paths = paths_of(arguments.studies)
            paths["trials CSV"] = f"/api/v1/studies/{LARGE}/trials.csv"
            found = {words: measured(sides, path, arguments.times) for words, path in paths.items()}
    load.append(os.getloadavg()[0])
    text = json.dumps(
        {"load": load, "store": store, "cpu_seconds_to_read_all": seconds, "milliseconds": found},
        indent=2,
    )
    (HERE / "against.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
