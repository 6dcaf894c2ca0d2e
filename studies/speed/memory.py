"""Peak memory of the study command with all its processes.

    python studies/speed/memory.py --out studies/speed/memory.csv -- \
        mnist --trials 6 --seeds 0 --workers 2 --data-dir DIR

What follows `--` is given to `python -m tuner.study` in a folder of its own. Looked at ten times a
second, a page that several processes share counts once (the PSS of Linux), so data mapped into
every worker is not taken for several copies of it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from records import append

SECONDS_BETWEEN_LOOKS = 0.1


def memory_of(process: psutil.Process) -> tuple[int, int]:
    """Bytes of a process and all below it, and how many processes that are."""
    total = count = 0
    with suppress(psutil.NoSuchProcess):
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += one.memory_full_info().pss
                count += 1
    return total, count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("arguments", nargs="+", help="of the study command")
    given = parser.parse_args()
    command = [sys.executable, "-m", "tuner.study", *given.arguments]
    with tempfile.TemporaryDirectory() as folder:
        running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        process, peak, processes = psutil.Process(running.pid), 0, 0
        while running.poll() is None:
            now, count = memory_of(process)
            peak, processes = max(peak, now), max(processes, count)
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if running.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: ended with status {running.returncode}")
    # Paths of this machine are of no use to anybody.
    words = [word for word in given.arguments if not Path(word).is_absolute()]
    row = {"command": " ".join(words), "peak_gb": peak / 1e9, "processes": processes}
    append(given.out, row)
    print(row)


if __name__ == "__main__":
    main()
