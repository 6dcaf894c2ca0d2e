"""How fast pages are where a store has ten thousand studies: wall and processor time of each.

Searches one small study, copies its rows within the database, starts a service over that, and asks.

    python studies/serve/many.py --studies 10000 --trials 10
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from load import served

import tuner
from tuner.machine import machine
from tuner.study.schema import EVIDENCE

HERE = Path(__file__).parent
NAME, LARGE = "housing", "large"
PEOPLE, TAGGED = 20, 10  # who has submitted; one study in so many has a tag
LARGE_TRIALS = 1000
COPY = "printf('study %05d', k)"
NUMBERS = (
    "WITH RECURSIVE copies(k) AS (SELECT :first UNION ALL SELECT k + 1 FROM copies WHERE k < :last)"
)


def searched(home: Path, trials: int, seeds: int) -> Path:
    """Search one study, confirmation included; return its database."""
    words = ["--home", str(home), "--trials", str(trials), "--seeds", str(seeds)]
    subprocess.run(
        [sys.executable, "-m", "tuner", "study", NAME, *words, "--workers", "1"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return home / "studies.db"


def multiply(path: Path, studies: int) -> dict[str, int]:
    """Copy the study until there are so many, and make one large; return what there is."""
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = [name for (name,) in found]
        columns = {
            table: [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            for table in tables
        }
        rows = [one for one in tables if {"study_id", "trial_id"} & {*columns[one]}]
        span = 1 + max(
            database.execute(
                f"SELECT coalesce(max({columns[table][0]}), 0) FROM {table}"
            ).fetchone()[0]
            for table in rows
        )
        for table in rows:
            copied = [as_copied(table, name, span) for name in columns[table]]
            database.execute(
                f"{NUMBERS} INSERT INTO {table} SELECT {', '.join(copied)} FROM {table}, copies",
                {"first": 1, "last": studies - 1},
            )
        enlarge(database, rows, columns, span * studies, span)
        database.execute(
            "UPDATE study_user_attributes SET value_json = ? WHERE key = ? AND value_json = ?",
            (json.dumps(LARGE), EVIDENCE, json.dumps(NAME)),
        )
        database.execute("ANALYZE")
        counts = {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("studies", "trials")
        }
    database.close()
    return {**counts, "bytes": path.stat().st_size}


def as_copied(table: str, column: str, span: int) -> str:
    """Return the SQL of a column of the k-th copy."""
    if column.endswith("_id"):
        return f"{column} + k * {span}"
    if column == "study_name":  # trainings after a search are under its name and an ending
        return f"{COPY} || substr(study_name, {len(NAME) + 1})"
    if (table, column) == ("study_user_attributes", "value_json"):
        return f"""CASE key WHEN '{EVIDENCE}' THEN '"' || {COPY} || '"' ELSE value_json END"""
    return column


def enlarge(
    database: sqlite3.Connection,
    rows: list[str],
    columns: dict[str, list[str]],
    begin: int,
    span: int,
) -> None:
    """Give the first study the trials of a hundred copies of itself, under another name."""
    number, trials = database.execute(
        "SELECT s.study_id, count(*) FROM studies s JOIN trials t ON t.study_id = s.study_id "
        "WHERE s.study_name = ?",
        (NAME,),
    ).fetchone()
    database.execute(
        f"UPDATE studies SET study_name = ? || substr(study_name, {len(NAME) + 1}) "
        "WHERE study_name LIKE ?",
        (LARGE, f"{NAME}%"),
    )
    mine = (
        f"trial_id IN (SELECT trial_id FROM trials WHERE study_id = {number} AND number < {trials})"
    )
    for table in (one for one in rows if "trial_id" in columns[one] and one != "trials"):
        copied = [
            f"{name} + {begin} + k * {span}" if name.endswith("_id") else name
            for name in columns[table]
        ]
        database.execute(
            f"{NUMBERS} INSERT INTO {table} SELECT {', '.join(copied)} FROM {table}, copies "
            f"WHERE {mine}",
            {"first": 1, "last": LARGE_TRIALS // trials - 1},
        )
    copied = [
        {"trial_id": f"trial_id + {begin} + k * {span}", "number": f"number + k * {trials}"}.get(
            name, name
        )
        for name in columns["trials"]
    ]
    database.execute(
        f"{NUMBERS} INSERT INTO trials SELECT {', '.join(copied)} FROM trials, copies WHERE {mine}",
        {"first": 1, "last": LARGE_TRIALS // trials - 1},
    )


def give_jobs(path: Path) -> None:
    """Have the service know who submitted each study, and some tags."""
    with sqlite3.connect(path) as database:
        database.execute(
            'INSERT INTO tuner_jobs (kind, study, "case", options, state, wish, who, submitted, '
            "started, ended, starts, last_words, priority) "
            "SELECT 'study', study_name, 'housing', "
            '\'{"trials": 10, "seed": 0, "fix": [], "tries": []}\', \'done\', \'\', '
            f"'person ' || (study_id % {PEOPLE}), 1.7e9 + study_id, 1.7e9 + study_id, "
            "1.7e9 + study_id + 60, 0, '', 0 FROM studies WHERE study_name LIKE 'study _____'"
        )
        database.execute(
            "INSERT INTO tuner_tags (study, tag) SELECT study_name, 'tag ' || (study_id % 7) "
            f"FROM studies WHERE study_name LIKE 'study _____' AND study_id % {TAGGED} = 0"
        )
    database.close()


def paths_of(studies: int) -> dict[str, str]:
    """Return what is asked for, by what it is."""
    middle, last = f"study%20{studies // 2:05}", -(-studies // 50)
    return {
        "list": "/tuner/",
        "list, its last page": f"/tuner/?page={last}",
        "list, searched": "/tuner/?q=person+7",
        "list, one tag": "/tuner/?tag=tag+3",
        "a study": f"/tuner/studies/{middle}",
        f"a study of {LARGE_TRIALS:,} trials": f"/tuner/studies/{LARGE}",
        "compare two": f"/tuner/compare?study={middle}&study=study%2000007",
        "machine": "/tuner/machine",
        "models": "/tuner/models",
        "API: list": "/api/v1/studies",
        "API: list, 1,000 rows": "/api/v1/studies?limit=1000",
        "API: a study": f"/api/v1/studies/{middle}",
        "API: jobs": "/api/v1/jobs",
        "API: metrics": "/metrics",
    }


def ask(url: str) -> int:
    """Ask for a page; return its bytes."""
    with urllib.request.urlopen(url, timeout=120) as answer:
        return len(answer.read())


def time_of(url: str, process: psutil.Process, times: int, pause: float) -> dict[str, Any]:
    """Ask for a page again and again; return milliseconds of both clocks.

    Args:
        pause: seconds between two: what was read within the last second is shown again.
    """
    wall, cpu, size = [], [], 0
    for _ in range(times):
        time.sleep(pause)
        before, began = sum(process.cpu_times()[:2]), time.perf_counter()
        size = ask(url)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (sum(process.cpu_times()[:2]) - before))
    found = {"wall": median(wall), "wall_longest": max(wall), "cpu": median(cpu)}
    return {**{name: round(value) for name, value in found.items()}, "bytes": size}


def until_read(url: str) -> float:
    """Wait until the service has read all studies; return the seconds."""
    began = time.monotonic()
    while True:
        with urllib.request.urlopen(f"{url}/tuner/", timeout=120) as answer:
            if b"studies are still being read" not in answer.read():
                return time.monotonic() - began
        time.sleep(1)


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make the store, serve it, and ask."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "storage"
        path = searched(home, arguments.trials, arguments.seeds)
        holds = multiply(path, arguments.studies)
        with served(home, 1):  # makes the tables of the service
            pass
        give_jobs(path)
        with served(home, 1) as url:
            port = int(url.rpartition(":")[2])
            process = next(
                one
                for one in psutil.Process().children()
                if any(c.laddr.port == port for c in one.net_connections("tcp"))
            )
            seconds = until_read(url)
            found = {
                words: time_of(url + path, process, arguments.times, arguments.pause)
                for words, path in paths_of(arguments.studies).items()
            }
            memory = process.memory_info().rss
    return {
        "store": holds,
        "seconds_to_read_all": round(seconds),
        "bytes_of_the_process": memory,
        "milliseconds": found,
    }


def main() -> int:
    """Measure, print, and write what came out beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=10, help="of each study")
    parser.add_argument("--seeds", type=int, default=2, help="models an arm; 0: not confirmed")
    parser.add_argument("--times", type=int, default=20, help="each page is asked for")
    parser.add_argument("--pause", type=float, default=1.1, help="seconds between two requests")
    parser.add_argument("--out", type=Path, default=HERE / "many.json")
    arguments = parser.parse_args()
    before = os.getloadavg()[0]
    found = {
        "command": " ".join(["python studies/serve/many.py", *sys.argv[1:]]),
        "tuner": tuner.__version__,
        "python": platform.python_version(),
        "machine": machine(),
        "load": {"before": before},
        **measured(arguments),
    }
    found["load"]["after"] = os.getloadavg()[0]
    text = json.dumps(found, indent=2, default=str)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    slowest = max(one["wall"] for one in found["milliseconds"].values())
    return 0 if slowest < 300 else 1


if __name__ == "__main__":
    sys.exit(main())
