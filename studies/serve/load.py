"""How the service holds when many watch: errors, times of answers, and what the study loses by it.

Runs a study twice, over a service of its own each time: alone, and while clients watch it over
server-sent events and others ask for pages. All is on this machine, so the clients take from it.

    python studies/serve/load.py --seconds 120 --watchers 200 --rate 50
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import tuner
from tuner.machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
STUDY = "watched"
PAGES = (
    "/tuner/",
    f"/tuner/studies/{STUDY}",
    "/tuner/models",
    f"/api/v1/studies/{STUDY}",
    "/api/v1/studies",
    "/healthz",
)
SECONDS_TO_ANSWER = 30.0


@dataclass
class Seen:
    """What the clients saw.

    Attributes:
        times: seconds to the whole answer, by path.
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    events: int = 0


@contextmanager
def served(home: Path, workers: int) -> Iterator[str]:
    """Start a service, and end it."""
    words = ["--port", "0", "--home", str(home), "--workers", str(workers)]
    with subprocess.Popen(
        [sys.executable, "-m", "tuner.serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        if found is None:
            raise SystemExit(process.stdout.read())
        try:
            yield found[0]
        finally:
            process.terminate()
            process.wait(120)


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the service once."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def submit(url: str, case: str) -> None:
    """Begin a study that does not end while it is watched, and wait for its third trial."""
    asked = {"case": case, "name": STUDY, "trials": 100_000, "seeds": 0, "seed": 0}
    ask(url, "/api/v1/studies", asked)
    while finished(url) < 3:
        time.sleep(0.5)


def finished(url: str) -> int:
    """Return how many trials have ended."""
    return int(ask(url, f"/api/v1/studies/{STUDY}")["finished"])


async def fetch(port: int, path: str, seen: Seen) -> None:
    """Ask for a page over a connection of its own, and time it."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(SECONDS_TO_ANSWER):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            status = (await reader.readline()).split()
            while await reader.read(65536):
                pass
            writer.close()
    except (OSError, TimeoutError) as error:
        seen.errors[type(error).__name__] += 1
        return
    if status[1:2] != [b"200"]:
        seen.errors[f"{path}: {status}"] += 1
    seen.times.setdefault(path, []).append(time.perf_counter() - began)


async def watch(port: int, seen: Seen, until: float) -> None:
    """Watch the study, and count its events."""
    path = f"/api/v1/studies/{STUDY}/events"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    line = await reader.readline()
            except TimeoutError:
                break
            if not line:
                seen.errors["a watcher was dropped"] += 1
                break
            seen.events += line.startswith(b"event:")
        writer.close()
    except OSError as error:
        seen.errors[f"a watcher: {type(error).__name__}"] += 1


async def load(port: int, seconds: float, watchers: int, rate: float) -> Seen:
    """Watch and ask for that long."""
    seen, until = Seen(), time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for _ in range(watchers):
            group.create_task(watch(port, seen, until))
        number = 0
        while time.monotonic() < until:
            group.create_task(fetch(port, PAGES[number % len(PAGES)], seen))
            number += 1
            await asyncio.sleep(max(0.0, until - seconds + number / rate - time.monotonic()))
    return seen


def trials_in(url: str, seconds: float) -> int:
    """Return how many trials end in that time, nobody looking."""
    before = finished(url)
    time.sleep(seconds)
    return finished(url) - before


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run both studies, and return what they showed."""
    with tempfile.TemporaryDirectory() as folder:
        with served(Path(folder) / "alone", arguments.workers) as url:
            submit(url, arguments.case)
            alone = trials_in(url, arguments.seconds)
        with served(Path(folder) / "watched", arguments.workers) as url:
            submit(url, arguments.case)
            before, port = finished(url), int(url.rpartition(":")[2])
            seen = asyncio.run(load(port, arguments.seconds, arguments.watchers, arguments.rate))
            watched = finished(url) - before
    every = sorted(one for times in seen.times.values() for one in times)
    return {
        "trials_alone": alone,
        "trials_watched": watched,
        "slower_by": 1 - watched / alone if alone else None,
        "errors": dict(seen.errors),
        "events": seen.events,
        "requests": len(every),
        "milliseconds": {
            path: spread(times) for path, times in {**seen.times, "all": every}.items()
        },
    }


def spread(times: list[float]) -> dict[str, float]:
    """Return the median, the 99th per cent and the longest of times, in milliseconds."""
    cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    found = {"median": cuts[49], "p99": cuts[98], "longest": max(times)}
    return {name: round(1000 * value, 1) for name, value in found.items()}


def main() -> int:
    """Measure, print, and write what came out beside this file."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__.partition(chr(10))[0]} Run it on a machine that does nothing else: "
        "python studies/serve/load.py. To see that it works: --seconds 5 --watchers 10 --rate 5. "
        "Its exit status is 0 if there was no error, 99 % of answers came within 300 ms, and the "
        "study lost less than a tenth of its trials."
    )
    parser.add_argument(
        "--seconds", type=float, default=120, help="for each of the two studies (default 120)"
    )
    parser.add_argument("--watchers", type=int, default=200, help="clients (default 200)")
    parser.add_argument("--rate", type=float, default=50, help="requests a second (default 50)")
    parser.add_argument("--case", default="housing", help="what is searched (default housing)")
    parser.add_argument("--workers", type=int, default=1, help="of the service (default 1)")
    parser.add_argument("--out", type=Path, default=HERE / "load.json", help="where it is written")
    arguments = parser.parse_args()
    settings = {name: value for name, value in vars(arguments).items() if name != "out"}
    found = {
        "command": " ".join(["python studies/serve/load.py", *sys.argv[1:]]),
        "settings": settings,
        "tuner": tuner.__version__,
        "python": platform.python_version(),
        "machine": machine(),
        **measured(arguments),
    }
    text = json.dumps(found, indent=2, default=str)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    good = not found["errors"] and found["milliseconds"]["all"]["p99"] < 300
    return 0 if good and (found["slower_by"] or 0) < 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
