"""Which lines and branches of tuner the default tests run: a plugin of pytest for `.ci/run`.

`slipcover` marks them in the bytecode. A tracer, as in coverage.py before Python 3.12, slows all
Python code down, that of libraries too: the tests took twice as long.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import slipcover

PRODUCT = Path(__file__).parents[1] / "src" / "tuner"
WORKER = os.environ.get("PYTEST_XDIST_WORKER")  # the tests run in workers alone

if WORKER:
    measured = slipcover.Slipcover(
        branch=True, source=[str(PRODUCT)], exclude_also=[r"class .*\(Protocol\):"]
    )
    imports = slipcover.ImportManager(measured, slipcover.FileMatcher(sources=[PRODUCT]))
    imports.__enter__()  # for the whole process


def pytest_sessionfinish() -> None:
    """Leave what this worker has run in the folder that `.ci/run` has made."""
    if WORKER:
        folder = Path(os.environ["COVERED"])
        (folder / f"{WORKER}.json").write_text(json.dumps(measured.get_coverage()))
